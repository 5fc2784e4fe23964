//! The label: eleven bytes in upper case, in the code page that firmware and DOS have.

use super::invalid;
use crate::names::codepage::CodePage;
use crate::names::fold::fold;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use rump_kpi::KResult;

/// Bytes of a label.
pub const LABEL_BYTES: usize = 11;
/// What a boot sector says for none.
pub const NO_LABEL: &[u8; LABEL_BYTES] = b"NO NAME    ";
/// What no short name may have, labels among them.
const FORBIDDEN: &str = "\"*+,./:;<=>?[\\]|";

/// The bytes of a label; `None` for an empty one.
///
/// Errors: EINVAL, with what cannot be stored.
pub fn checked(label: &str) -> KResult<Option<[u8; LABEL_BYTES]>> {
    if label.is_empty() {
        return Ok(None);
    }
    if label.chars().count() > LABEL_BYTES {
        return Err(invalid(format!("label {label:?}: at most {LABEL_BYTES} characters")));
    }
    if label.starts_with(' ') || label.ends_with(' ') {
        return Err(invalid(format!("label {label:?}: no space at its ends")));
    }
    let mut bytes = [b' '; LABEL_BYTES];
    for (byte, character) in bytes.iter_mut().zip(label.chars()) {
        let stored = u16::try_from(u32::from(character)).ok().and_then(|unit| {
            let is_allowed = !character.is_control() && !FORBIDDEN.contains(character);
            CodePage::default().byte(fold(unit)).filter(|_| is_allowed)
        });
        *byte = stored.ok_or_else(|| {
            invalid(format!("label {label:?}: {character:?} cannot be stored (code page 437 in upper case)"))
        })?;
    }
    Ok(Some(bytes))
}

/// What a label says.
pub fn text(label: [u8; LABEL_BYTES]) -> String {
    let page = CodePage::default();
    let units: Vec<u16> = label.trim_ascii_end().iter().map(|byte| page.unit(*byte)).collect();
    String::from_utf16_lossy(&units)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_become_upper_case_in_their_code_page() {
        assert_eq!(checked("").unwrap(), None);
        assert_eq!(&checked("boot").unwrap().unwrap(), b"BOOT       ");
        assert_eq!(&checked("Eleven char").unwrap().unwrap(), b"ELEVEN CHAR");
        let label = checked("müsli").unwrap().unwrap();
        assert_eq!((&label, text(label).as_str()), (b"M\x9aSLI      ", "MÜSLI"));
    }

    #[test]
    fn what_cannot_be_stored_is_refused_by_name() {
        let cases = [
            ("twelve chars", "at most"),
            ("a/b", "'/'"),
            ("日本", "'日'"),
            (" x", "space"),
            ("a\tb", "'\\t'"),
        ];
        for (label, told) in cases {
            let error = checked(label).unwrap_err();
            assert!(alloc::string::ToString::to_string(&error).contains(told), "{label}: {error}");
        }
    }
}
