//! Where S3 and Lambda are to be found.

use std::path::PathBuf;

/// Where S3 and Lambda are to be found.
#[derive(Debug, Clone)]
pub struct Endpoints {
    /// The URL of S3.
    pub s3: String,
    /// The URL of Lambda.
    pub lambda: String,
    /// The certificate by which both are trusted, where they speak TLS.
    pub authority: Option<PathBuf>,
}

impl Endpoints {
    /// The variables by which the AWS CLI and every AWS SDK find them.
    #[must_use]
    pub fn variables(&self) -> [(&'static str, String); 3] {
        [
            ("AWS_ENDPOINT_URL_S3", self.s3.clone()),
            ("AWS_ENDPOINT_URL_LAMBDA", self.lambda.clone()),
            // Whatever other service is called ends here and never at the real one.
            ("AWS_ENDPOINT_URL", self.lambda.clone()),
        ]
    }
}
