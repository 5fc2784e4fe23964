//! The label: eleven units of UTF-16.

use super::invalid;
use crate::layout::LabelEntry;
use alloc::format;
use alloc::vec::Vec;
use rump_kpi::KResult;

/// The units of a label. Errors: EINVAL, with what cannot be stored.
pub fn checked(label: &str) -> KResult<Vec<u16>> {
    let units: Vec<u16> = label.encode_utf16().collect();
    if units.len() > LabelEntry::MOST_UNITS {
        let most = LabelEntry::MOST_UNITS;
        return Err(invalid(format!("label {label:?}: at most {most} units of UTF-16")));
    }
    match label.chars().find(|character| character.is_control()) {
        Some(character) => Err(invalid(format!("label {label:?}: {character:?} cannot be shown"))),
        None => Ok(units),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_counted_in_units() {
        assert_eq!(checked("Größe 日本").unwrap().len(), 8);
        assert!(checked("elevenchars").is_ok() && checked("twelve chars").is_err());
        assert!(
            checked("😀😀😀😀😀a").is_ok() && checked("😀😀😀😀😀😀").is_err() && checked("a\0").is_err()
        );
    }
}
