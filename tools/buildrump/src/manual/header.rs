//! A header, read as far as documentation needs it: what it says of itself, and its declarations with their comments.
//!
//! Headers are ours and have one form: a comment `/* ... */` for the whole header at its beginning; before functions, a comment
//! `/** ... */` with a text, `@returns` unless all of them are void, and `@errors` if they can fail; functions of one comment
//! follow one another without an empty line. Everything within a condition, except the one that guards the header, is left out.

use super::comment::Comment;
use crate::Outcome;

/// A header.
#[derive(Debug)]
pub struct Header {
    /// As it is included: `rump/sys/open.h`.
    pub name: String,
    /// What it is about.
    pub about: String,
    /// Headers of ours that it includes.
    pub includes: Vec<String>,
    /// What it declares, in its order.
    pub items: Vec<Item>,
}

/// Something that a header declares.
#[derive(Debug)]
pub enum Item {
    /// Functions that have one comment.
    Functions { comment: Comment, functions: Vec<Function>, aliases: Vec<String> },
    /// Types or constants as they are written, with the comment before them.
    Definitions { comment: String, lines: Vec<String> },
}

/// A function.
#[derive(Debug, PartialEq, Eq)]
pub struct Function {
    pub result: String,
    pub name: String,
    pub parameters: Vec<String>,
}

impl Header {
    /// Reads one. Errors: what is not as the form wants it, with file and line.
    pub fn parse(name: &str, text: &str) -> Outcome<Self> {
        let header =
            Self { name: name.into(), about: String::new(), includes: Vec::new(), items: Vec::new() };
        let mut reader = Reader { header, lines: text.lines().enumerate().peekable(), depth: 0 };
        reader.read()?;
        if reader.header.about.is_empty() {
            return Err(format!("include/{name}:1: no comment says what the header is about"));
        }
        Ok(reader.header)
    }

    /// The name of its page.
    pub fn page(&self) -> String {
        let stem = self.name.trim_start_matches("rump/").trim_end_matches(".h").replace('/', "_");
        if stem.starts_with("rump") { stem } else { format!("rump_{stem}") }
    }

    /// All names by which its functions are called.
    pub fn functions(&self) -> impl Iterator<Item = &str> {
        self.items.iter().flat_map(|item| match item {
            Item::Functions { functions, aliases, .. } => functions
                .iter()
                .map(|function| &*function.name)
                .chain(aliases.iter().map(|name| &**name))
                .collect(),
            Item::Definitions { .. } => Vec::new(),
        })
    }
}

struct Reader<'a> {
    header: Header,
    lines: std::iter::Peekable<std::iter::Enumerate<std::str::Lines<'a>>>,
    /// How many conditions the line is within.
    depth: usize,
}

impl<'a> Reader<'a> {
    fn read(&mut self) -> Outcome {
        // A plain comment that belongs to what follows it.
        let mut pending = String::new();
        while let Some((number, line)) = self.next() {
            if line.trim().is_empty() {
                continue;
            } else if line.starts_with("/**") {
                let comment = self.comment(number, line)?;
                self.functions(comment)?;
            } else if line.starts_with("/*") {
                let text = self.plain_comment(number, line)?;
                if self.header.about.is_empty() && self.depth == 0 {
                    self.header.about = text
                } else {
                    pending = text
                }
                continue;
            } else if let Some(included) = line.strip_prefix("#include <rump/") {
                self.header.includes.push(format!("rump/{}", included.trim_end_matches('>')));
            } else if line.starts_with("#include") || is_forward(line) {
                // Of the host, or nothing to tell.
            } else {
                self.definitions(number, line, std::mem::take(&mut pending))?;
            }
            pending.clear();
        }
        Ok(())
    }

    /// The next line that is within the guard alone. The guard's own `#define` is left out.
    fn next(&mut self) -> Option<(usize, &'a str)> {
        loop {
            let (number, line) = self.lines.next()?;
            if line.starts_with("#if") {
                self.depth += 1;
                if self.depth == 1 {
                    self.lines.next();
                }
            } else if line.starts_with("#endif") {
                self.depth = self.depth.saturating_sub(1);
            } else if self.depth <= 1 {
                return Some((number + 1, line));
            }
        }
    }

    fn wrong(&self, line: usize, what: &str) -> String {
        format!("include/{}:{line}: {what}", self.header.name)
    }

    fn plain_comment(&mut self, number: usize, first: &str) -> Outcome<String> {
        let lines = self.comment_lines(number, first, "/*")?;
        Ok(lines.iter().map(|(_, line)| &**line).collect::<Vec<_>>().join("\n").trim().to_string())
    }

    /// The lines of a comment with their numbers, without what makes them one.
    fn comment_lines(&mut self, number: usize, first: &str, begin: &str) -> Outcome<Vec<(usize, String)>> {
        let mut lines = Vec::new();
        let mut line = (number, first.trim_start_matches(begin));
        loop {
            let (text, ended) = match line.1.split_once("*/") {
                Some((text, "")) => (text, true),
                Some(_) => return Err(self.wrong(line.0, "something follows a comment")),
                None => (line.1, false),
            };
            let text = text.trim();
            lines.push((line.0, text.strip_prefix('*').unwrap_or(text).trim().to_string()));
            if ended {
                return Ok(lines);
            }
            line = self.next().ok_or_else(|| self.wrong(number, "a comment does not end"))?;
        }
    }

    fn comment(&mut self, number: usize, first: &str) -> Outcome<Comment> {
        let lines = self.comment_lines(number, first, "/**")?;
        Comment::parse(&lines).map_err(|(line, what)| self.wrong(line, &what))
    }

    /// Reads the functions behind their comment.
    fn functions(&mut self, comment: Comment) -> Outcome {
        let (mut functions, mut aliases) = (Vec::new(), Vec::new());
        while self.lines.peek().is_some_and(|(_, line)| !line.trim().is_empty()) {
            let Some((number, line)) = self.next() else { break };
            if let Some(alias) = line.strip_prefix("#define ") {
                let mut words = alias.split_whitespace();
                aliases.extend(words.next().map(str::to_string));
                if !words
                    .next()
                    .is_some_and(|name| functions.iter().any(|function: &Function| function.name == name))
                {
                    return Err(self.wrong(number, "a constant is among functions"));
                }
                continue;
            }
            let whole = self.statement(number, line)?;
            let function =
                function(&whole).ok_or_else(|| self.wrong(number, "this is no declaration of a function"))?;
            if function.result != "void" && comment.returns.is_empty() {
                return Err(
                    self.wrong(comment.line, &format!("the comment has no @returns for {}", function.name))
                );
            }
            functions.push(function);
        }
        if functions.is_empty() {
            return Err(self.wrong(comment.line, "no function follows the comment"));
        }
        self.header.items.push(Item::Functions { comment, functions, aliases });
        Ok(())
    }

    /// Joins the lines of a declaration.
    fn statement(&mut self, number: usize, first: &str) -> Outcome<String> {
        let mut whole = first.trim().to_string();
        while !whole.ends_with(';') {
            let (_, line) = self.next().ok_or_else(|| self.wrong(number, "a declaration does not end"))?;
            whole = format!("{whole} {}", line.trim());
        }
        Ok(whole)
    }

    /// Reads a type, or constants up to an empty line.
    fn definitions(&mut self, number: usize, first: &str, comment: String) -> Outcome {
        let is_type = first.ends_with('{');
        if !is_type && !first.starts_with("#define ") {
            return Err(self.wrong(number, "a declaration has no comment of the form /** ... */"));
        }
        let mut lines = vec![first.to_string()];
        loop {
            let is_last = if is_type {
                lines.last().is_some_and(|line| line.starts_with('}'))
            } else {
                self.ends_here()
            };
            if is_last {
                break;
            }
            let (_, line) = self.next().ok_or_else(|| self.wrong(number, "a type does not end"))?;
            lines.push(line.to_string());
        }
        self.header.items.push(Item::Definitions { comment, lines });
        Ok(())
    }

    /// Whether constants end: what follows is none, nor a part of the last one.
    fn ends_here(&mut self) -> bool {
        !self
            .lines
            .peek()
            .is_some_and(|(_, line)| line.starts_with("#define ") || line.starts_with(['\t', ' ']))
    }
}

/// `struct x;`
fn is_forward(line: &str) -> bool {
    let words: Vec<&str> = line.split_whitespace().collect();
    matches!(words.as_slice(), ["struct", name] if name.ends_with(';'))
}

/// Takes a declaration apart.
fn function(declaration: &str) -> Option<Function> {
    let (head, parameters) = declaration.strip_suffix(");")?.split_once('(')?;
    let begin = head.rfind(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_')? + 1;
    let (result, name) = head.split_at(begin);
    if name.is_empty() || result.trim().is_empty() {
        return None;
    }
    let parameters = parameters.split(',').map(|parameter| parameter.trim().to_string()).collect();
    Some(Function { result: result.trim().to_string(), name: name.to_string(), parameters })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(body: &str) -> Outcome<Header> {
        let text = format!("/* About it. */\n#ifndef X\n#define X\n\n{body}\n#endif\n");
        Header::parse("rump/sys/x.h", &text)
    }

    #[test]
    fn functions_have_their_comment() {
        let header = of("/**\n * Does it. `Well`.\n *\n * @returns 0; -1 and errno\n * @errors EIO (bad,\n * luck), EPERM\n */\n\
                         int rump_sys_a(const char *path,\n    size_t size);\nconst char *rump_b(void);\n#define rump_c rump_b\n")
        .unwrap();
        assert_eq!((&*header.page(), &*header.about), ("rump_sys_x", "About it."));
        assert_eq!(header.functions().collect::<Vec<_>>(), ["rump_sys_a", "rump_b", "rump_c"]);
        let Item::Functions { comment, functions, .. } = &header.items[0] else { panic!("{header:?}") };
        assert_eq!((&*comment.text, &*comment.errors), ("Does it. `Well`.", "EIO (bad,\nluck), EPERM"));
        assert_eq!(functions[0].parameters, ["const char *path", "size_t size"]);
        assert_eq!(functions[1].result, "const char *");
    }

    #[test]
    fn what_is_not_of_the_form_is_named_by_its_line() {
        let error = |body: &str| of(body).unwrap_err();
        assert!(
            error("int rump_a(void);").starts_with("include/rump/sys/x.h:5: a declaration has no comment")
        );
        assert!(
            error("/* Plain. */\nint rump_a(void);")
                .starts_with("include/rump/sys/x.h:6: a declaration has no")
        );
        assert!(
            error("/** Does it. */\nint rump_a(void);")
                .starts_with("include/rump/sys/x.h:5: the comment has no @returns")
        );
        assert!(
            error("/**\n * It.\n * @answers 0\n */\nint a(void);")
                .starts_with("include/rump/sys/x.h:7: @answers")
        );
        assert!(error("/** Does it. */\n\nvoid a(void);").contains(":5: no function follows"));
        assert!(error("/**\n * @returns 0\n */\nint a(void);").contains(":5: the comment does not say"));
        assert!(
            Header::parse("rump/x.h", "#ifndef X\n#define X\n#endif\n")
                .unwrap_err()
                .contains(":1: no comment")
        );
    }

    #[test]
    fn types_and_constants_are_kept_and_what_is_conditional_is_not() {
        let header = of("struct later;\n\n/* A pair. */\nstruct pair {\n\tint a;\n\n\tint b;\n};\n\n#define ONE 1\n#define TWO 2\n\n\
                         #ifdef __cplusplus\nextern \"C\" {\n#endif\n")
        .unwrap();
        let definition = |item: &Item| match item {
            Item::Definitions { comment, lines } => (comment.clone(), lines.len()),
            Item::Functions { .. } => panic!("{item:?}"),
        };
        let definitions: Vec<_> = header.items.iter().map(definition).collect();
        assert_eq!(definitions, [("A pair.".to_string(), 5), (String::new(), 2)]);
    }
}
