//! Arguments and results of system calls.

use super::{DEPTH, Parser};
use crate::lexer::{Kind, SyntaxError};
use crate::script::Expression;

impl Parser {
    /// Expressions between commas up to `close`, which is taken.
    pub(super) fn expressions(&mut self, close: char) -> Result<Vec<Expression>, SyntaxError> {
        let mut all = Vec::new();
        if self.takes_sign(close) {
            return Ok(all);
        }
        loop {
            all.push(self.expression()?);
            if self.takes_sign(close) {
                return Ok(all);
            }
            self.sign(',')?;
        }
    }

    pub(super) fn expression(&mut self) -> Result<Expression, SyntaxError> {
        self.depth += 1;
        if self.depth > DEPTH {
            return Err(SyntaxError::new(self.place(), "expressions lie too deep in each other"));
        }
        let first = self.primary()?;
        let expression = if self.peek() == Some(&Kind::Sign('|')) {
            let mut all = vec![first];
            while self.takes_sign('|') {
                all.push(self.primary()?);
            }
            Expression::Or(all)
        } else {
            first
        };
        self.depth -= 1;
        Ok(expression)
    }

    fn primary(&mut self) -> Result<Expression, SyntaxError> {
        match self.peek().cloned() {
            Some(Kind::Ellipsis) => {
                self.at += 1;
                Ok(Expression::Ellipsis)
            }
            Some(Kind::Integer(digits)) => {
                let number = digits.parse().map_err(|_| self.error("a number of 64 bits"))?;
                self.at += 1;
                Ok(Expression::Number(number))
            }
            Some(Kind::Hex(number)) => {
                self.at += 1;
                Ok(Expression::Number(number as i64))
            }
            Some(Kind::Text(_)) => Ok(self.text()),
            Some(Kind::Word(word)) => {
                self.at += 1;
                self.after_word(word)
            }
            Some(Kind::Sign('[')) => {
                self.at += 1;
                Ok(Expression::List(self.expressions(']')?))
            }
            Some(Kind::Sign('{')) => {
                self.at += 1;
                Ok(Expression::Struct(self.expressions('}')?))
            }
            _ => Err(self.error("an argument")),
        }
    }

    /// Texts that follow each other are one.
    fn text(&mut self) -> Expression {
        let mut all = String::new();
        while let Some(Kind::Text(text)) = self.peek() {
            all.push_str(text);
            self.at += 1;
        }
        self.at += usize::from(self.peek() == Some(&Kind::Ellipsis));
        Expression::Text(all)
    }

    fn after_word(&mut self, word: String) -> Result<Expression, SyntaxError> {
        let arguments = match self.takes_sign('(') {
            true => Some(self.expressions(')')?),
            false => None,
        };
        if self.takes_sign('=') {
            // The length in `msg_iov(1)=[...]` says nothing that the list does not.
            return Ok(Expression::Named(word, Box::new(self.expression()?)));
        }
        Ok(match arguments {
            Some(arguments) => Expression::Applied(word, arguments),
            None => Expression::Word(word),
        })
    }
}
