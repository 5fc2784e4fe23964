//! Permission bits as ls(1) shows them, and changes of them as chmod(1) takes them: numbers in base 8, and words such as
//! `u+rwX,g=,o-w`.

use rump_abi::Stat;
use std::str::FromStr;

const SET_ID: u32 = 0o6000;
const ALL: u32 = 0o7777;
const EXECUTE: u32 = 0o111;

/// Where the bits of a clause come from.
#[derive(Clone, Copy, Debug)]
enum Bits {
    /// Named; `conditional_execute` is `X`.
    Named { bits: u32, conditional_execute: bool },
    /// Those that user (6), group (3) or others (0) have, by their place.
    Copied { shift: u32 },
}

#[derive(Clone, Copy, Debug)]
struct Clause {
    /// Bits of those that are named; 0 if nobody is, and the umask decides.
    whose: u32,
    operator: char,
    bits: Bits,
}

impl Clause {
    fn apply(&self, mode: u32, is_directory: bool, umask: u32) -> u32 {
        let wanted = match self.bits {
            Bits::Named { bits, conditional_execute } => {
                let executes = conditional_execute && (is_directory || mode & EXECUTE != 0);
                bits | if executes { EXECUTE } else { 0 }
            }
            Bits::Copied { shift } => {
                let one = mode >> shift & 7;
                one | one << 3 | one << 6
            }
        };
        let reach = if self.whose == 0 { ALL & !umask } else { self.whose };
        // A directory keeps set-id bits that no clause speaks of.
        let spared = if is_directory { SET_ID & !(reach & wanted) } else { 0 };
        let value = wanted & reach & !spared;
        match self.operator {
            '+' => mode | value,
            '-' => mode & !value,
            _ => {
                let cleared = if self.whose == 0 { ALL } else { self.whose };
                mode & !(cleared & !spared) | value
            }
        }
    }
}

#[derive(Clone, Debug)]
enum Kind {
    /// A number; with fewer than five digits a directory keeps the set-id bits that it does not name.
    Number {
        bits: u32,
        spares: bool,
    },
    Clauses(Vec<Clause>),
}

/// A change of permission bits.
#[derive(Clone, Debug)]
pub struct ModeChange(Kind);

impl ModeChange {
    /// The new mode of what has `mode` now.
    pub fn apply(&self, mode: u32, is_directory: bool, umask: u32) -> u32 {
        match &self.0 {
            Kind::Number { bits, spares } => bits | if *spares && is_directory { mode & SET_ID } else { 0 },
            Kind::Clauses(clauses) => {
                clauses.iter().fold(mode, |mode, clause| clause.apply(mode, is_directory, umask))
            }
        }
    }
}

impl FromStr for ModeChange {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is no mode: use 755, 0644, u+rwX,g=,o-w ...");
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
            let bits = u32::from_str_radix(text, 8).ok().filter(|bits| *bits <= ALL).ok_or_else(wrong)?;
            return Ok(Self(Kind::Number { bits, spares: text.len() < 5 }));
        }
        let mut clauses = Vec::new();
        for part in text.split(',') {
            parse_part(part, &mut clauses).ok_or_else(wrong)?;
        }
        Ok(Self(Kind::Clauses(clauses)))
    }
}

/// `[ugoa]*` and then operators, each with letters of its own.
fn parse_part(part: &str, clauses: &mut Vec<Clause>) -> Option<()> {
    let start = part.find(['+', '-', '='])?;
    let mut whose = 0;
    for letter in part[..start].chars() {
        whose |= match letter {
            'u' => 0o4700,
            'g' => 0o2070,
            'o' => 0o1007,
            'a' => ALL,
            _ => return None,
        };
    }
    let mut rest = &part[start..];
    while let Some(operator) = rest.chars().next() {
        let end = rest[1..].find(['+', '-', '=']).map_or(rest.len(), |at| at + 1);
        clauses.push(Clause { whose, operator, bits: parse_bits(&rest[1..end])? });
        rest = &rest[end..];
    }
    Some(())
}

fn parse_bits(letters: &str) -> Option<Bits> {
    match letters {
        "u" => return Some(Bits::Copied { shift: 6 }),
        "g" => return Some(Bits::Copied { shift: 3 }),
        "o" => return Some(Bits::Copied { shift: 0 }),
        _ => {}
    }
    let (mut bits, mut conditional_execute) = (0, false);
    for letter in letters.chars() {
        match letter {
            'r' => bits |= 0o444,
            'w' => bits |= 0o222,
            'x' => bits |= EXECUTE,
            's' => bits |= SET_ID,
            't' => bits |= 0o1000,
            'X' => conditional_execute = true,
            _ => return None,
        }
    }
    Some(Bits::Named { bits, conditional_execute })
}

/// The mask that this process was started with.
#[allow(clippy::unnecessary_cast, reason = "some hosts have 16 bits")]
pub fn umask() -> u32 {
    use rustix::fs::Mode;
    let mask = rustix::process::umask(Mode::from_raw_mode(0o077));
    rustix::process::umask(mask);
    mask.bits() as u32 & 0o777
}

/// `drwxr-sr-x`.
pub fn mode_text(stat: &Stat) -> [u8; 10] {
    let bits = stat.mode.bits();
    let mut text = [b'-'; 10];
    text[0] = stat.file_type.letter() as u8;
    let classes = [(6, 0o4000, b's'), (3, 0o2000, b's'), (0, 0o1000, b't')];
    for (class, (shift, special, letter)) in text[1..].chunks_exact_mut(3).zip(classes) {
        let part = bits >> shift;
        if part & 4 != 0 {
            class[0] = b'r';
        }
        if part & 2 != 0 {
            class[1] = b'w';
        }
        class[2] = match (bits & special != 0, part & 1 != 0) {
            (true, true) => letter,
            (true, false) => letter.to_ascii_uppercase(),
            (false, true) => b'x',
            (false, false) => b'-',
        };
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(text: &str, mode: u32, is_directory: bool) -> u32 {
        text.parse::<ModeChange>().unwrap().apply(mode, is_directory, 0o022)
    }

    #[test]
    fn words_change_what_they_name() {
        assert_eq!(change("u+rwX,g=,o-w", 0o4072, false), 0o4700);
        assert_eq!(change("a+X", 0o644, false), 0o644);
        assert_eq!(change("a+X", 0o644, true), 0o755);
        assert_eq!(change("g=u", 0o750, false), 0o770);
        assert_eq!(change("+w", 0o444, false), 0o644);
        assert_eq!(change("=r", 0o777, false), 0o444);
        assert_eq!(change("u=rw+x", 0, false), 0o700);
    }

    #[test]
    fn directories_keep_their_set_id_bits() {
        assert_eq!(change("755", 0o2700, true), 0o2755);
        assert_eq!(change("00755", 0o2700, true), 0o755);
        assert_eq!(change("755", 0o2700, false), 0o755);
        assert_eq!(change("g=rx", 0o2700, true), 0o2750);
        assert_eq!(change("g-s", 0o2700, true), 0o700);
    }

    #[test]
    fn what_is_no_mode_is_refused() {
        for text in ["", "8", "10000", "u", "z+r", "u+q", "u+rw,", "+ug"] {
            assert!(text.parse::<ModeChange>().is_err(), "{text}");
        }
    }
}
