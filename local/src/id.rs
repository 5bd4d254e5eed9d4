//! Identifiers that never repeat.

/// 32 lower-case hexadecimal digits, different on every call and in every process.
pub fn unique() -> String {
    format!("{:032x}", rand::random::<u128>())
}

/// A request id in the form that AWS uses: 8-4-4-4-12 hexadecimal digits.
pub fn request_id() -> String {
    let hex = unique();
    format!(
        "{}-{}-{}-{}-{}",
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..]
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_do_not_repeat_and_keep_their_form() {
        let ids: std::collections::HashSet<String> = (0..1000).map(|_| unique()).collect();
        assert_eq!(ids.len(), 1000);
        assert!(
            ids.iter()
                .all(|id| id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit()))
        );
        assert_eq!(
            request_id().split('-').map(str::len).collect::<Vec<_>>(),
            [8, 4, 4, 4, 12]
        );
    }
}
