//! Where in a text something is, for people.

/// What is wrong, with the file, the line and the key, if the place is known.
pub(super) fn tell(name: &str, text: &str, at: Option<usize>, what: &str) -> String {
    let what = what.trim_end().replace('\n', "; ");
    let Some(at) = at else { return format!("{name}: {what}") };
    let before = text.get(..at).unwrap_or(text);
    let number = before.matches('\n').count();
    let Some(key) = key_of(text, number) else { return format!("{name}:{}: {what}", number + 1) };
    format!("{name}:{}: {key}: {what}", number + 1)
}

/// The key whose value is in a line, or the table that begins there: values may have several lines.
fn key_of(text: &str, number: usize) -> Option<&str> {
    let lines: Vec<&str> = text.lines().take(number + 1).collect();
    lines.iter().rev().find_map(|line| {
        let line = line.trim();
        if line.starts_with('#') {
            return None;
        }
        let is_key = |key: &str| !key.is_empty() && !key.contains(['[', ']', ',']);
        match line.split_once('=') {
            Some((key, _)) if is_key(key.trim()) => Some(key.trim()),
            None if line.starts_with('[') => Some(line),
            _ => None,
        }
    })
}

/// Where the table of this number with a header begins.
pub(super) fn of_table(text: &str, header: &str, number: usize) -> Option<usize> {
    let mut at = 0;
    let starts = text.split_inclusive('\n').filter_map(|line| {
        let start = at;
        at += line.len();
        line.trim_start().starts_with(header).then_some(start)
    });
    starts.into_iter().nth(number)
}
