//! Names beside each other.

use super::Args;
use rustix::termios::tcgetwinsize;
use std::io::{self, IsTerminal, Write};

/// Characters of a terminal that does not say how many it has.
const WIDTH: usize = 80;
/// Between two names.
const GAP: usize = 2;

/// How names are put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// One a line.
    Lines,
    /// In columns, downwards, within so many characters.
    Down(usize),
    /// The same, across.
    Across(usize),
}

impl Form {
    /// What a command line asks for, or what becomes the standard output.
    pub fn of(args: &Args) -> Self {
        match () {
            () if args.one || args.is_long() || args.json => Self::Lines,
            () if args.across => Self::Across(width()),
            () if args.down || io::stdout().is_terminal() => Self::Down(width()),
            () => Self::Lines,
        }
    }

    /// Writes names. Errors: those of writing.
    pub fn write(self, names: &[String], out: &mut dyn Write) -> io::Result<()> {
        let longest = names.iter().map(|name| name.chars().count()).max().unwrap_or(0) + GAP;
        let most = match self {
            Self::Lines => 1,
            Self::Down(width) | Self::Across(width) => (width / longest).max(1),
        };
        let lines = names.len().div_ceil(most);
        for line in 0..lines {
            let of_line: Vec<&String> = match self {
                Self::Down(_) => names.iter().skip(line).step_by(lines).collect(),
                Self::Lines | Self::Across(_) => names.iter().skip(line * most).take(most).collect(),
            };
            let Some((last, others)) = of_line.split_last() else { continue };
            others.iter().try_for_each(|name| write!(out, "{name:<longest$}"))?;
            writeln!(out, "{last}")?;
        }
        Ok(())
    }
}

/// Characters in a line: by `COLUMNS`, or by the terminal.
fn width() -> usize {
    let said = std::env::var("COLUMNS").ok().and_then(|text| text.parse().ok());
    let of_terminal = || tcgetwinsize(io::stdout()).ok().map(|size| usize::from(size.ws_col));
    said.or_else(of_terminal).filter(|width| *width > 0).unwrap_or(WIDTH)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(form: Form, count: usize) -> String {
        let names: Vec<String> = (0..count).map(|number| format!("n{number}")).collect();
        let mut out = Vec::new();
        form.write(&names, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn names_go_down_or_across() {
        assert_eq!(written(Form::Lines, 3), "n0\nn1\nn2\n");
        assert_eq!(written(Form::Down(12), 7), "n0  n3  n6\nn1  n4\nn2  n5\n");
        assert_eq!(written(Form::Across(12), 7), "n0  n1  n2\nn3  n4  n5\nn6\n");
        assert_eq!(written(Form::Across(12), 4), "n0  n1  n2\nn3\n");
        assert_eq!(written(Form::Down(12), 4), "n0  n2\nn1  n3\n");
        assert_eq!(written(Form::Down(80), 3), "n0  n1  n2\n");
        // What is too long for the line has it for itself.
        assert_eq!(written(Form::Across(3), 2), "n0\nn1\n");
        assert_eq!(written(Form::Down(80), 0), "");
    }
}
