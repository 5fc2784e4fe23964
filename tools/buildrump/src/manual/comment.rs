//! The comment of functions: a text, `@returns`, `@errors`, in this order.

/// What a comment says of functions.
#[derive(Debug, Default)]
pub struct Comment {
    /// Where it begins.
    pub line: usize,
    /// What they do.
    pub text: String,
    /// What they answer, or empty.
    pub returns: String,
    /// How they fail, or empty.
    pub errors: String,
}

/// What is wrong in which line.
type Fault = (usize, String);

impl Comment {
    /// Takes the lines of one apart, which have their numbers. Errors: a tag that there is not or that is out of order, a part
    /// that says nothing.
    pub fn parse(lines: &[(usize, String)]) -> Result<Self, Fault> {
        let mut comment = Self { line: lines.first().map_or(0, |(number, _)| *number), ..Self::default() };
        let mut tags = vec![""];
        for (number, line) in lines {
            let mut text = line.as_str();
            if line.starts_with('@') {
                let (tag, rest) = line.split_once(' ').unwrap_or((line, ""));
                match (tag, tags.last()) {
                    ("@returns", Some(&"")) => tags.push("@returns"),
                    ("@errors", Some(&("" | "@returns"))) => tags.push("@errors"),
                    _ => return Err((*number, format!("{tag} is none of @returns, @errors, in this order"))),
                }
                text = rest;
            }
            let part = comment.part(tags.last().copied().unwrap_or_default());
            part.push_str(text);
            part.push('\n');
        }
        for tag in ["", "@returns", "@errors"] {
            let part = comment.part(tag);
            *part = part.trim().to_string();
            if part.is_empty() && tags.contains(&tag) {
                let what = if tag.is_empty() {
                    "the comment does not say what is done"
                } else {
                    "a tag says nothing"
                };
                return Err((comment.line, what.to_string()));
            }
        }
        Ok(comment)
    }

    fn part(&mut self, tag: &str) -> &mut String {
        match tag {
            "@returns" => &mut self.returns,
            "@errors" => &mut self.errors,
            _ => &mut self.text,
        }
    }
}
