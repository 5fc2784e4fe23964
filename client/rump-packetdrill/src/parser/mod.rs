//! From tokens to a script.
//!
//! The language is described by packetdrill's own documentation (its page "Syntax"); forms of FreeBSD's and Linux's
//! suites are taken, too. Encapsulations (GRE, MPLS, IP in IP) and other transports than TCP and UDP are not.

mod expression;
mod packet;

use crate::lexer::{Kind, SyntaxError, Token, tokens};
use crate::script::{Action, Call, Event, Place, Script, When};
use std::time::Duration;

/// How deep expressions may lie in each other.
const DEPTH: u32 = 16;
/// The latest moment of a script, in seconds: a year.
const LATEST: f64 = 366.0 * 86_400.0;

/// Reads a script. Errors: the text is none, or has what is not supported.
pub fn parse(text: &str) -> Result<Script, SyntaxError> {
    let tokens = tokens(text)?;
    let last = tokens.last().map_or(Place { line: 1, column: 1 }, |token| token.place);
    let mut parser = Parser { tokens, at: 0, last, depth: 0 };
    parser.script()
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    /// Where the last token is: for what is missing at the end.
    last: Place,
    depth: u32,
}

impl Parser {
    fn peek(&self) -> Option<&Kind> {
        self.tokens.get(self.at).map(|token| &token.kind)
    }

    fn second(&self) -> Option<&Kind> {
        self.tokens.get(self.at + 1).map(|token| &token.kind)
    }

    fn place(&self) -> Place {
        self.tokens.get(self.at).map_or(self.last, |token| token.place)
    }

    fn next(&mut self) -> Option<Kind> {
        let kind = self.tokens.get(self.at).map(|token| token.kind.clone());
        self.at += usize::from(kind.is_some());
        kind
    }

    /// An error at the next token.
    fn error(&self, expected: &str) -> SyntaxError {
        let found = self.peek().map_or("the end".into(), |kind| format!("`{kind}`"));
        SyntaxError::new(self.place(), format!("expected {expected}, found {found}"))
    }

    fn takes_sign(&mut self, sign: char) -> bool {
        let is_it = self.peek() == Some(&Kind::Sign(sign));
        self.at += usize::from(is_it);
        is_it
    }

    fn sign(&mut self, sign: char) -> Result<(), SyntaxError> {
        if self.takes_sign(sign) { Ok(()) } else { Err(self.error(&format!("`{sign}`"))) }
    }

    fn takes_word(&mut self, word: &str) -> bool {
        let is_it = matches!(self.peek(), Some(Kind::Word(found)) if found == word);
        self.at += usize::from(is_it);
        is_it
    }

    fn word(&mut self, what: &str) -> Result<String, SyntaxError> {
        match self.peek() {
            Some(Kind::Word(word)) => {
                let word = word.clone();
                self.at += 1;
                Ok(word)
            }
            _ => Err(self.error(what)),
        }
    }

    /// A number of at most `most`.
    fn number(&mut self, what: &str, most: u64) -> Result<u64, SyntaxError> {
        let number = match self.peek() {
            Some(Kind::Integer(digits)) => digits.parse().ok(),
            Some(Kind::Hex(number)) => Some(*number),
            _ => return Err(self.error(what)),
        };
        let Some(number) = number.filter(|number| *number <= most) else {
            return Err(self.error(&format!("{what} of at most {most}")));
        };
        self.at += 1;
        Ok(number)
    }

    fn number16(&mut self, what: &str) -> Result<u16, SyntaxError> {
        self.number(what, u16::MAX.into()).map(|number| number as u16)
    }

    fn number32(&mut self, what: &str) -> Result<u32, SyntaxError> {
        self.number(what, u32::MAX.into()).map(|number| number as u32)
    }

    fn script(&mut self) -> Result<Script, SyntaxError> {
        let mut script = Script::default();
        while let Some(kind) = self.peek() {
            let place = self.place();
            match kind.clone() {
                Kind::Option(name, value) => {
                    self.at += 1;
                    script.options.push((place, name, value));
                }
                Kind::Command(command) => {
                    self.at += 1;
                    script.commands.push((place, command));
                }
                _ => {
                    let event = self.event()?;
                    script.events.push(event);
                }
            }
        }
        Ok(script)
    }

    fn event(&mut self) -> Result<Event, SyntaxError> {
        let place = self.place();
        let time = self.when()?;
        let action_place = self.place();
        let action = self.action()?;
        let is_expected =
            matches!(&action, Action::Packet(packet) if packet.direction == crate::script::Direction::Out);
        if !is_expected && !matches!(time, When::After(_) | When::At(_)) {
            return Err(SyntaxError::new(
                action_place,
                "only an expected packet may come at a range of time",
            ));
        }
        Ok(Event { place, time, action })
    }

    fn when(&mut self) -> Result<When, SyntaxError> {
        if self.takes_sign('*') {
            return Ok(When::Whenever);
        }
        let is_relative = self.takes_sign('+');
        let first = self.time()?;
        if !self.takes_sign('~') {
            return Ok(if is_relative { When::After(first) } else { When::At(first) });
        }
        if is_relative {
            self.sign('+')?;
        }
        let place = self.place();
        let second = self.time()?;
        if second < first {
            return Err(SyntaxError::new(place, "the range of time is backwards"));
        }
        Ok(if is_relative { When::AfterBetween(first, second) } else { When::Between(first, second) })
    }

    fn time(&mut self) -> Result<Duration, SyntaxError> {
        let text = match self.peek() {
            Some(Kind::Integer(text) | Kind::Float(text)) => text,
            _ => return Err(self.error("a time")),
        };
        let seconds = text.parse::<f64>().ok().filter(|seconds| (0.0..=LATEST).contains(seconds));
        let Some(seconds) = seconds else { return Err(self.error("a time between zero and a year")) };
        self.at += 1;
        Ok(Duration::from_micros((seconds * 1e6).round() as u64))
    }

    fn action(&mut self) -> Result<Action, SyntaxError> {
        match self.peek() {
            Some(Kind::Sign('<' | '>')) => Ok(Action::Packet(self.packet()?)),
            Some(Kind::Command(command)) => {
                let command = command.clone();
                self.at += 1;
                Ok(Action::Command(command))
            }
            Some(Kind::Code(code)) => {
                let code = code.clone();
                self.at += 1;
                Ok(Action::Code(code))
            }
            Some(Kind::Word(_) | Kind::Ellipsis) => Ok(Action::Call(self.call()?)),
            _ => Err(self.error("a packet, a system call, a command or code")),
        }
    }

    fn call(&mut self) -> Result<Call, SyntaxError> {
        let end = match self.peek() {
            Some(Kind::Ellipsis) => {
                self.at += 1;
                Some(self.time()?)
            }
            _ => None,
        };
        let name = self.word("the name of a system call")?;
        self.sign('(')?;
        let arguments = self.expressions(')')?;
        self.sign('=')?;
        let result = self.expression()?;
        let errno = match self.peek() {
            Some(Kind::Word(_)) => Some(self.word("an error")?),
            _ => None,
        };
        self.note()?;
        Ok(Call { end, name, arguments, result, errno })
    }

    /// What people are told in parentheses.
    fn note(&mut self) -> Result<(), SyntaxError> {
        if !self.takes_sign('(') {
            return Ok(());
        }
        let place = self.place();
        let mut open = 1;
        while open > 0 {
            match self.next() {
                Some(Kind::Sign('(')) => open += 1,
                Some(Kind::Sign(')')) => open -= 1,
                Some(_) => {}
                None => return Err(SyntaxError::new(place, "a note does not end")),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::parse;
    use crate::script::{Action, Body, When};
    use std::time::Duration;

    #[test]
    fn a_script_is_read() {
        let text = "--mss=1000\n`init`\n0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n\
            +.1...0.2 connect(3, ..., ...) = -1 ETIMEDOUT (Connection timed out)\n\
            +0~+.5 >[ect0] SEW. 0:0(0) ack 1 win 5 <mss 9,nop,sack 1:2 3:4, TS val 1 ecr 2>\n\
            * > udp (5)\n1~2 > . 1:1(0) <...>\n+0 < icmp unreachable frag_needed mtu 9 [1:3(2)]\n\
            +0 %{ assert tcpi_state == 1 }%\n`end`";
        let script = parse(text).unwrap();
        assert_eq!((script.options.len(), script.commands.len(), script.events.len()), (1, 2, 7));
        let times: Vec<_> = script.events.iter().map(|event| event.time).collect();
        let ms = Duration::from_millis;
        assert_eq!(times[1], When::After(ms(100)));
        assert_eq!(times[2], When::AfterBetween(ms(0), ms(500)));
        assert_eq!((times[3], times[4]), (When::Whenever, When::Between(ms(1000), ms(2000))));
        let Action::Packet(packet) = &script.events[4].action else { panic!("no packet") };
        assert!(matches!(&packet.body, Body::Tcp(segment) if segment.options.is_none()));
    }

    #[test]
    fn errors_say_where_and_what() {
        let cases = [
            ("0 > S 0:1(2)", "1:7: 0:1 are not 2 bytes"),
            ("+0 listen(3, 1)", "expected `=`, found the end"),
            ("* socket() = 3", "1:3: only an expected packet"),
            ("2~1 > . 1:1(0)", "1:3: the range of time is backwards"),
            ("-1 > . 1:1(0)", "1:1: expected a time between zero and a year"),
            ("0 < X 0:0(0)", "1:5: `X` is no flag"),
            ("0 < . 0:0(0) win 65536", "1:18: expected a window of at most 65535"),
            ("0 < gre: . 0:0(0)", "1:5: `gre` is not supported"),
        ];
        for (text, expected) in cases {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
        let deep = format!("0 f({}", "[".repeat(100_000));
        assert!(parse(&deep).unwrap_err().what.contains("too deep"));
    }
}
