//! Assertions in `%{` and `}%`: a part of Python, over what `TCP_INFO` says.
//!
//! ```text
//! code       = statement { (newline | ";") statement }
//! statement  = "assert" or ["," or] | "print" ...
//! or         = and { "or" and }        and = not { "and" not }        not = "not" not | comparison
//! comparison = bits { ("==" | "!=" | "<" | "<=" | ">" | ">=") bits }
//! bits       = sum { ("|" | "&" | "^" | "<<" | ">>") sum }
//! sum        = product { ("+" | "-") product }    product = unary { ("*" | "/" | "//" | "%") unary }
//! unary      = "-" unary | number | name | "(" or ")"
//! ```

/// How deep parentheses may lie in each other.
const DEPTH: u32 = 32;

/// Why an assertion does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Objection {
    /// It is false: its text, and what the names in it stand for.
    False(String),
    /// A name means nothing here.
    Unknown(String),
    /// The text is no assertion.
    Syntax(String),
}

/// Checks all assertions of `code`; `value_of` knows what names stand for. Errors: the first that does not hold.
pub fn check(code: &str, value_of: &dyn Fn(&str) -> Option<i64>) -> Result<(), Objection> {
    for line in code.lines() {
        let line = line.split('#').next().unwrap_or_default();
        for statement in line.split(';').map(str::trim).filter(|statement| !statement.is_empty()) {
            check_one(statement, value_of)?;
        }
    }
    Ok(())
}

fn check_one(statement: &str, value_of: &dyn Fn(&str) -> Option<i64>) -> Result<(), Objection> {
    let (word, rest) =
        statement.split_at(statement.find(|c: char| !c.is_alphanumeric()).unwrap_or(statement.len()));
    match word {
        "print" => return Ok(()),
        "assert" => {}
        _ => return Err(Objection::Syntax(format!("`{statement}` is no assertion"))),
    }
    let mut evaluator = Evaluator { tokens: tokens(rest)?, at: 0, depth: 0, seen: Vec::new(), value_of };
    let value = evaluator.or()?;
    if evaluator.takes(",") {
        // What people are told; it may be text.
        evaluator.at = evaluator.tokens.len();
    }
    if evaluator.at != evaluator.tokens.len() {
        return Err(Objection::Syntax(format!("`{statement}` has too much behind it")));
    }
    if value != 0 {
        return Ok(());
    }
    let seen: Vec<String> = evaluator.seen.iter().map(|(name, value)| format!("{name} = {value}")).collect();
    Err(Objection::False(format!("{} ({})", rest.trim(), seen.join(", "))))
}

fn tokens(text: &str) -> Result<Vec<String>, Objection> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = if first.is_alphanumeric() || first == '_' {
            rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len())
        } else if first == '\'' || first == '"' {
            1 + rest[1..].find(first).ok_or_else(|| Objection::Syntax("text does not end".into()))? + 1
        } else {
            let two = ["==", "!=", "<=", ">=", "<<", ">>", "//"].iter().any(|sign| rest.starts_with(sign));
            if two { 2 } else { first.len_utf8() }
        };
        tokens.push(rest[..length].to_string());
        rest = rest[length..].trim_start();
    }
    Ok(tokens)
}

struct Evaluator<'a> {
    tokens: Vec<String>,
    at: usize,
    depth: u32,
    /// What names stood for.
    seen: Vec<(String, i64)>,
    value_of: &'a dyn Fn(&str) -> Option<i64>,
}

type Value = Result<i64, Objection>;

impl Evaluator<'_> {
    fn takes(&mut self, token: &str) -> bool {
        let is_it = self.tokens.get(self.at).is_some_and(|found| found == token);
        self.at += usize::from(is_it);
        is_it
    }

    fn takes_one_of(&mut self, all: &[&'static str]) -> Option<&'static str> {
        all.iter().copied().find(|token| self.takes(token))
    }

    fn or(&mut self) -> Value {
        let mut value = self.and()?;
        while self.takes("or") {
            let other = self.and()?;
            value = if value != 0 { value } else { other };
        }
        Ok(value)
    }

    fn and(&mut self) -> Value {
        let mut value = self.not()?;
        while self.takes("and") {
            let other = self.not()?;
            value = if value == 0 { value } else { other };
        }
        Ok(value)
    }

    fn not(&mut self) -> Value {
        let mut is_negated = false;
        while self.takes("not") {
            is_negated = !is_negated;
        }
        let value = self.comparison()?;
        Ok(if is_negated { i64::from(value == 0) } else { value })
    }

    /// A chain holds if each of its links does.
    fn comparison(&mut self) -> Value {
        let mut left = self.bits()?;
        let (mut holds, mut is_chain) = (true, false);
        while let Some(sign) = self.takes_one_of(&["==", "!=", "<=", ">=", "<", ">"]) {
            let right = self.bits()?;
            is_chain = true;
            holds &= match sign {
                "==" => left == right,
                "!=" => left != right,
                "<=" => left <= right,
                ">=" => left >= right,
                "<" => left < right,
                _ => left > right,
            };
            left = right;
        }
        Ok(if is_chain { i64::from(holds) } else { left })
    }

    fn bits(&mut self) -> Value {
        let mut value = self.sum()?;
        while let Some(sign) = self.takes_one_of(&["|", "&", "^", "<<", ">>"]) {
            let right = self.sum()?;
            value = match sign {
                "|" => value | right,
                "&" => value & right,
                "^" => value ^ right,
                _ => {
                    let shift = u32::try_from(right).ok().filter(|shift| *shift < 64);
                    let shift = shift.ok_or_else(|| Objection::Syntax(format!("a shift by {right}")))?;
                    if sign == "<<" { value.wrapping_shl(shift) } else { value >> shift }
                }
            };
        }
        Ok(value)
    }

    fn sum(&mut self) -> Value {
        let mut value = self.product()?;
        while let Some(sign) = self.takes_one_of(&["+", "-"]) {
            let right = self.product()?;
            value = if sign == "+" { value.wrapping_add(right) } else { value.wrapping_sub(right) };
        }
        Ok(value)
    }

    fn product(&mut self) -> Value {
        let mut value = self.unary()?;
        while let Some(sign) = self.takes_one_of(&["*", "//", "/", "%"]) {
            let right = self.unary()?;
            if right == 0 && sign != "*" {
                return Err(Objection::Syntax("a division by zero".into()));
            }
            value = match sign {
                "*" => value.wrapping_mul(right),
                "%" => value.wrapping_rem_euclid(right),
                _ => value.wrapping_div_euclid(right),
            };
        }
        Ok(value)
    }

    fn unary(&mut self) -> Value {
        self.depth += 1;
        if self.depth > DEPTH {
            return Err(Objection::Syntax("it lies too deep in itself".into()));
        }
        let value = self.operand();
        self.depth -= 1;
        value
    }

    fn operand(&mut self) -> Value {
        if self.takes("-") {
            return Ok(self.unary()?.wrapping_neg());
        }
        if self.takes("(") {
            let value = self.or()?;
            return if self.takes(")") { Ok(value) } else { Err(Objection::Syntax("`)` is missing".into())) };
        }
        let token = self.tokens.get(self.at).cloned();
        let token = token.ok_or_else(|| Objection::Syntax("something is missing at its end".into()))?;
        self.at += 1;
        if token.starts_with(|c: char| c.is_ascii_digit()) {
            return parse_number(&token).ok_or_else(|| Objection::Syntax(format!("`{token}` is no number")));
        }
        match (self.value_of)(&token) {
            Some(value) => {
                self.seen.push((token, value));
                Ok(value)
            }
            None => Err(Objection::Unknown(token)),
        }
    }
}

fn parse_number(token: &str) -> Option<i64> {
    match token.strip_prefix("0x") {
        Some(digits) => i64::from_str_radix(digits, 16).ok(),
        None => token.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value_of(name: &str) -> Option<i64> {
        match name {
            "tcpi_snd_cwnd" => Some(10),
            "tcpi_rtt" => Some(30_000),
            _ => None,
        }
    }

    #[test]
    fn what_holds_holds_and_what_does_not_does_not() {
        for code in [
            "assert tcpi_snd_cwnd == 10, tcpi_snd_cwnd",
            "assert 9 < tcpi_snd_cwnd <= 10 and not tcpi_rtt == 1",
            "assert (tcpi_snd_cwnd + 2 * 3 - 1) // 5 == 3 # why\nassert tcpi_rtt % 7 == 5; assert 1 | 2 == 3",
            "assert tcpi_snd_cwnd == 0x0a, 'text, with a comma'",
            "assert -1 < 0 or 1 == 2\nprint(tcpi_rtt)",
            "assert 1 << 3 == 8",
        ] {
            assert_eq!(check(code, &value_of), Ok(()), "{code}");
        }
        let objection = check("assert tcpi_snd_cwnd == 11, tcpi_snd_cwnd", &value_of).unwrap_err();
        assert!(matches!(objection, Objection::False(text) if text.contains("tcpi_snd_cwnd = 10")));
        for code in ["assert 1 < 3 < 2", "assert not 1", "assert 0 or 0", "assert 1 and 0"] {
            assert!(matches!(check(code, &value_of), Err(Objection::False(_))), "{code}");
        }
        assert_eq!(check("assert tcpi_x == 1", &value_of), Err(Objection::Unknown("tcpi_x".into())));
    }

    #[test]
    fn what_is_no_assertion_is_said_to_be_none() {
        let deep = format!("assert {}1", "(".repeat(10_000));
        let codes = [
            "import os",
            "assert",
            "assert 1 +",
            "assert (1",
            "assert 1 1",
            "assert 1 / 0",
            "assert 1 << 64",
            "assert 99999999999999999999",
            "assert 'x",
            &deep,
        ];
        for code in codes {
            assert!(matches!(check(code, &value_of), Err(Objection::Syntax(_))), "{code}");
        }
    }
}
