//! Names beside each other, as wide as the line: in columns, or one after the other with commas.

use std::io::{self, Write};

/// Spaces between columns.
const GAP: usize = 2;
/// The narrowest column.
const LEAST: usize = 3;
const TAB: usize = 8;

/// In which direction the order of names runs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Down a column, then down the next.
    Down,
    /// Along a line, then along the next.
    Across,
}

/// What is written in one place, and how wide that is.
pub struct Cell {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Columns of the terminal.
    pub width: usize,
}

/// The widths of as many columns as fit a line.
fn layout(cells: &[Cell], line: usize, direction: Direction) -> Vec<usize> {
    let most = (line / LEAST).clamp(1, cells.len().max(1));
    (1..=most)
        .rev()
        .map(|count| widths(cells, count, direction))
        .find(|widths| widths.len() == 1 || widths.iter().sum::<usize>() < line)
        .unwrap_or_default()
}

fn widths(cells: &[Cell], count: usize, direction: Direction) -> Vec<usize> {
    let rows = cells.len().div_ceil(count).max(1);
    let mut widths = vec![LEAST; count];
    for (index, cell) in cells.iter().enumerate() {
        let column = if direction == Direction::Down { index / rows } else { index % count };
        let gap = if column + 1 == count { 0 } else { GAP };
        widths[column] = widths[column].max(cell.width + gap);
    }
    widths
}

/// Writes `cells` in columns.
pub fn write(out: &mut impl Write, cells: &[Cell], line: usize, direction: Direction) -> io::Result<()> {
    let widths = layout(cells, line, direction);
    if cells.is_empty() {
        return Ok(());
    }
    let rows = cells.len().div_ceil(widths.len());
    for row in 0..rows {
        let mut at = 0;
        for (column, width) in widths.iter().enumerate() {
            let index = match direction {
                Direction::Down => column * rows + row,
                Direction::Across => row * widths.len() + column,
            };
            let Some(cell) = cells.get(index) else { break };
            let begin: usize = widths[..column].iter().sum();
            indent(out, at, begin)?;
            out.write_all(&cell.bytes)?;
            (at, _) = (begin + cell.width, width);
        }
        out.write_all(b"\n")?;
    }
    Ok(())
}

/// Goes from one column to another, by tabs where they reach one.
fn indent(out: &mut impl Write, mut from: usize, to: usize) -> io::Result<()> {
    while from < to {
        if to / TAB > (from + 1) / TAB {
            out.write_all(b"\t")?;
            from += TAB - from % TAB;
        } else {
            out.write_all(b" ")?;
            from += 1;
        }
    }
    Ok(())
}

/// Writes `cells` with commas between them.
pub fn write_commas(out: &mut impl Write, cells: &[Cell], line: usize) -> io::Result<()> {
    let mut at = 0;
    for (index, cell) in cells.iter().enumerate() {
        if index > 0 {
            let fits = at + cell.width + GAP < line;
            out.write_all(if fits { b", " } else { b",\n" })?;
            at = if fits { at + GAP } else { 0 };
        }
        out.write_all(&cell.bytes)?;
        at += cell.width;
    }
    if cells.is_empty() { Ok(()) } else { out.write_all(b"\n") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(names: &[&str]) -> Vec<Cell> {
        names.iter().map(|name| Cell { bytes: name.as_bytes().to_vec(), width: name.len() }).collect()
    }

    fn text(names: &[&str], line: usize, direction: Direction) -> String {
        let mut out = Vec::new();
        write(&mut out, &cells(names), line, direction).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn columns_run_down_or_across() {
        assert_eq!(text(&["a", "b", "c", "d"], 7, Direction::Down), "a  c\nb  d\n");
        assert_eq!(text(&["a", "b", "c", "d"], 7, Direction::Across), "a  b\nc  d\n");
        assert_eq!(text(&["a", "b", "c"], 80, Direction::Down), "a  b  c\n");
    }

    #[test]
    fn what_is_wider_than_the_line_stands_alone() {
        assert_eq!(text(&["long-name", "b"], 5, Direction::Down), "long-name\nb\n");
        assert_eq!(text(&[], 80, Direction::Down), "");
    }

    #[test]
    fn commas_break_lines() {
        let mut out = Vec::new();
        write_commas(&mut out, &cells(&["aa", "bb", "cc"]), 7).unwrap();
        assert_eq!(out, b"aa, bb,\ncc\n");
    }
}
