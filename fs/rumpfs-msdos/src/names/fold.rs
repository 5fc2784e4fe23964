//! Case of names, folded unit by unit as Windows does: what lies beyond the first 65,536 characters does not fold.

/// The unit that stands for all that differ from it in case alone. Letters that would become ASCII stay: they do not
/// become others in short names.
pub fn fold(unit: u16) -> u16 {
    if unit < 0x80 {
        return if (u16::from(b'a')..=u16::from(b'z')).contains(&unit) { unit - 0x20 } else { unit };
    }
    let Some(character) = char::from_u32(unit.into()) else { return unit };
    let mut upper = character.to_uppercase();
    match (upper.next().map(u32::from), upper.next()) {
        (Some(upper @ 0x80..=0xffff), None) => upper as u16,
        _ => unit,
    }
}

/// Whether two names differ in case at most.
pub fn is_same(one: &[u16], other: &[u16]) -> bool {
    one.len() == other.len() && one.iter().zip(other).all(|(a, b)| a == b || fold(*a) == fold(*b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn case_folds_as_one_would_write_it() {
        let folded = |text: &str| text.encode_utf16().map(fold).collect::<Vec<_>>();
        assert_eq!(folded("straße λόγος é"), "STRAßE ΛΌΓΟΣ É".encode_utf16().collect::<Vec<_>>());
        assert_eq!(folded("ı"), folded("ı"));
        assert_ne!(folded("ı"), folded("i"));
    }
}
