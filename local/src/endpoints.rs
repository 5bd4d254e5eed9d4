//! Where S3 and Lambda are to be found.

use std::net::SocketAddr;
use std::path::PathBuf;

/// Where S3 and Lambda are to be found.
#[derive(Debug, Clone)]
pub struct Endpoints {
    /// Where S3 listens.
    pub s3: SocketAddr,
    /// Where Lambda listens.
    pub lambda: SocketAddr,
    /// The certificate by which both are trusted, where they speak TLS.
    pub authority: Option<PathBuf>,
}

impl Endpoints {
    /// The variables by which the AWS CLI and every AWS SDK find them.
    #[must_use]
    pub fn variables(&self) -> [(&'static str, String); 3] {
        [
            ("AWS_ENDPOINT_URL_S3", self.url(self.s3)),
            ("AWS_ENDPOINT_URL_LAMBDA", self.url(self.lambda)),
            // Whatever other service is called ends here and never at the real one.
            ("AWS_ENDPOINT_URL", self.url(self.lambda)),
        ]
    }

    fn url(&self, address: SocketAddr) -> String {
        let scheme = if self.authority.is_some() {
            "https"
        } else {
            "http"
        };
        format!("{scheme}://{address}")
    }
}
