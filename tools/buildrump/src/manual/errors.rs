//! How functions fail: the list behind `@errors` as a list of mdoc.

use super::header::Function;
use super::markup;
use crate::Outcome;
use std::collections::BTreeSet;

/// Error numbers of calls, in words.
const MEANINGS: &[(&str, &str)] = &[
    ("E2BIG", "Too much"),
    ("EACCES", "Permission denied"),
    ("EADDRINUSE", "The address is in use"),
    ("EADDRNOTAVAIL", "The address is not available"),
    ("EAFNOSUPPORT", "No such family of addresses"),
    ("EAGAIN", "Not now"),
    ("EALREADY", "It is under way already"),
    ("EBADF", "Bad descriptor"),
    ("EBUSY", "It is in use"),
    ("ECANCELED", "It was cancelled"),
    ("ECONNABORTED", "The connection was aborted"),
    ("ECONNREFUSED", "The connection was refused"),
    ("ECONNRESET", "The connection was reset"),
    ("EDEADLK", "It would wait for ever"),
    ("EDESTADDRREQ", "A destination is needed"),
    ("EDOM", "Out of range"),
    ("EEXIST", "It exists"),
    ("EFAULT", "Bad address in memory"),
    ("EFBIG", "The file would be too long"),
    ("EHOSTUNREACH", "The host cannot be reached"),
    ("EINPROGRESS", "It is under way"),
    ("EINTR", "A signal interrupted it"),
    ("EINVAL", "Invalid argument"),
    ("EIO", "Reading or writing failed"),
    ("EISCONN", "The socket is connected"),
    ("EISDIR", "It is a directory"),
    ("ELOOP", "Too many symbolic links"),
    ("EMFILE", "Too many open files"),
    ("EMLINK", "Too many links"),
    ("EMSGSIZE", "The message is too long"),
    ("ENAMETOOLONG", "A name is too long"),
    ("ENETDOWN", "The network is down"),
    ("ENETUNREACH", "The network cannot be reached"),
    ("ENFILE", "Too many open files in the system"),
    ("ENOATTR", "No such attribute"),
    ("ENOBUFS", "No room in buffers"),
    ("ENODATA", "No such data"),
    ("ENODEV", "Not supported by this device"),
    ("ENOENT", "No such file or directory"),
    ("ENOLCK", "Too many locks"),
    ("ENOMEM", "Out of memory"),
    ("ENOPROTOOPT", "No such option"),
    ("ENOSPC", "No space left"),
    ("ENOSYS", "No such call"),
    ("ENOTBLK", "Not a block device"),
    ("ENOTCONN", "The socket is not connected"),
    ("ENOTDIR", "Not a directory"),
    ("ENOTEMPTY", "The directory is not empty"),
    ("ENOTSOCK", "Not a socket"),
    ("ENOTSUP", "Not supported"),
    ("ENOTTY", "Nothing that can be controlled so"),
    ("ENXIO", "Nothing is there"),
    ("EOPNOTSUPP", "Operation not supported"),
    ("EOVERFLOW", "The value is too large to be stored"),
    ("EPERM", "Operation not permitted"),
    ("EPIPE", "Nobody reads"),
    ("EPROTONOSUPPORT", "No such protocol"),
    ("EPROTOTYPE", "The wrong type of socket"),
    ("ERANGE", "Out of range"),
    ("EROFS", "Read-only file system"),
    ("ESOCKTNOSUPPORT", "No such type of socket"),
    ("ESPIPE", "It cannot be sought"),
    ("ESRCH", "No such process"),
    ("ESTALE", "The file is gone"),
    ("ETIMEDOUT", "It took too long"),
    ("EUSERS", "Too many users"),
    ("EWOULDBLOCK", "Not now"),
    ("EXDEV", "Another file system"),
];

/// What an error number means.
pub fn meaning(name: &str) -> Option<&'static str> {
    MEANINGS.iter().find(|(known, _)| *known == name).map(|(_, meaning)| *meaning)
}

/// A list of mdoc of what `@errors` says: error numbers, each with a note in parentheses or not, and sentences between them.
///
/// Errors: a name that looks like that of an error number and is none.
pub fn list(text: &str, functions: &BTreeSet<String>) -> Outcome<String> {
    let (mut out, mut is_open) = (String::new(), false);
    for entry in entries(text) {
        let (names, note) = names(&entry)?;
        if is_open == names.is_empty() {
            out.push_str(if is_open { ".El\n" } else { ".Bl -tag -width Er\n" });
            is_open = !is_open;
        }
        if names.is_empty() {
            out.push_str(&format!(".Pp\n{}", markup::prose(&sentence(&entry), functions)));
        }
        for (index, name) in names.iter().enumerate() {
            let meaning = meaning(name).unwrap_or_default();
            // The note of several stands behind the last of them.
            let text = match &note {
                Some(note) if index + 1 == names.len() => format!("{meaning} ({note})."),
                _ => format!("{meaning}."),
            };
            out.push_str(&format!(".It Bq Er {name}\n{}", markup::prose(&text, functions)));
        }
    }
    if is_open {
        out.push_str(".El\n");
    }
    Ok(out)
}

/// The error numbers that `@errors` names for one function of a group, those of sentences left out. A note that begins with `of`
/// and the name of a parameter, or the end of a function's name, is about those functions of the group that it fits.
///
/// Errors: as [`list`].
pub fn numbers(text: &str, function: &Function, group: &[Function]) -> Outcome<BTreeSet<String>> {
    let mut found = BTreeSet::new();
    for entry in entries(text) {
        let (names, note) = names(&entry)?;
        let note = note.unwrap_or_default();
        let about = note.strip_prefix("of ").and_then(|about| about.split([' ', ',', ';']).next());
        let is_of_some = |about: &&str| group.iter().any(|other| fits(about, other));
        if about.filter(is_of_some).is_none_or(|about| fits(about, function)) {
            found.extend(names.into_iter().map(str::to_string));
        }
    }
    Ok(found)
}

/// Whether a function has that parameter, or that name.
fn fits(about: &str, function: &Function) -> bool {
    let ends_so = |name: &str| {
        name.strip_suffix(about).is_some_and(|rest| rest.is_empty() || rest.ends_with(['_', '*', ' ']))
    };
    let parameters =
        function.parameters.iter().map(|parameter| parameter.split('[').next().unwrap_or_default());
    ends_so(&function.name) || parameters.into_iter().any(ends_so)
}

/// What commas and semicolons outside of parentheses separate.
fn entries(text: &str) -> Vec<String> {
    let (mut entries, mut depth) = (vec![String::new()], 0_u32);
    for letter in text.chars() {
        match letter {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            ',' | ';' if depth == 0 => {
                entries.push(String::new());
                continue;
            }
            _ => {}
        }
        if let Some(entry) = entries.last_mut() {
            entry.push(letter);
        }
    }
    entries
        .iter()
        .map(|entry| entry.split_whitespace().collect::<Vec<_>>().join(" "))
        .filter(|entry| !entry.is_empty())
        .collect()
}

/// The error numbers that an entry begins with, and its note. No names if it is a sentence.
fn names(entry: &str) -> Outcome<(Vec<&str>, Option<String>)> {
    let (head, note) = match entry.split_once(" (") {
        Some((head, note)) if note.ends_with(')') => (head, Some(note.trim_end_matches(')').to_string())),
        _ => (entry, None),
    };
    let words: Vec<&str> = head.split(' ').filter(|word| *word != "and").collect();
    let looks_like_one = |word: &str| {
        word.len() > 2
            && word.starts_with('E')
            && word.chars().all(|letter| letter.is_ascii_uppercase() || letter.is_ascii_digit())
    };
    if let Some(unknown) = words.iter().find(|word| looks_like_one(word) && meaning(word).is_none()) {
        return Err(format!("@errors: {unknown} is no error number"));
    }
    if words.iter().all(|word| looks_like_one(word)) { Ok((words, note)) } else { Ok((Vec::new(), None)) }
}

fn sentence(entry: &str) -> String {
    let entry = entry.strip_prefix("and ").unwrap_or(entry);
    let mut letters = entry.chars();
    let first = letters.next().map(|letter| letter.to_uppercase().to_string()).unwrap_or_default();
    let end = if entry.ends_with('.') { "" } else { "." };
    format!("{first}{}{end}", letters.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_their_notes_and_sentences_stand_between() {
        let list = list("EBADF and ENOTDIR (of dir), EIO,\nand those of it; EPERM (a, b)", &BTreeSet::new())
            .unwrap();
        let expected = ".Bl -tag -width Er\n.It Bq Er EBADF\nBad descriptor.\n.It Bq Er ENOTDIR\nNot a directory (of dir).\n\
                        .It Bq Er EIO\nReading or writing failed.\n.El\n.Pp\nThose of it.\n\
                        .Bl -tag -width Er\n.It Bq Er EPERM\nOperation not permitted (a, b).\n.El\n";
        assert_eq!(list, expected);
    }

    #[test]
    fn notes_of_a_parameter_or_a_function_are_about_those_alone() {
        let function = |name: &str, parameters: &[&str]| Function {
            result: "int".to_string(),
            name: name.to_string(),
            parameters: parameters.iter().map(|parameter| parameter.to_string()).collect(),
        };
        let group = [
            function("rump_sys_link", &["const char *path"]),
            function("rump_sys_linkat", &["int old_dir", "const char *path"]),
        ];
        let text =
            "EIO, EBADF and ENOTDIR (of dir, or closed), EPERM (of path), EINTR (of linkat), EROFS (of it)";
        let numbers =
            |function| numbers(text, function, &group).unwrap().into_iter().collect::<Vec<_>>().join(" ");
        assert_eq!(numbers(&group[0]), "EIO EPERM EROFS");
        assert_eq!(numbers(&group[1]), "EBADF EINTR EIO ENOTDIR EPERM EROFS");
    }

    #[test]
    fn a_number_that_there_is_not_is_told() {
        assert!(list("EIO, ENOSUCH (x)", &BTreeSet::new()).unwrap_err().contains("ENOSUCH"));
    }
}
