//! Options of sockets.

use super::Runner;
use super::calls::{Answer, Attempt, answer, field, skipped, value};
use crate::script::Expression;
use crate::symbols::socket_option;
use rump_kpi::Errno;
use rump_kpi::socket::OptionValue;
use rump_kpi::sockopt::{SO_ERROR, SOL_SOCKET};
use std::time::Duration;

/// Options that change nothing that is seen: how another system debugs, and which of its stacks is used.
const PASSED_OVER: [&str; 3] = ["SO_DEBUG", "TCP_FUNCTION_BLK", "TCP_LOG"];

impl Runner<'_> {
    pub(super) fn set_option(
        &mut self,
        fd: &Expression,
        level: &Expression,
        name: &Expression,
        new: &Expression,
    ) -> Attempt {
        if matches!(name, Expression::Word(name) if PASSED_OVER.contains(&name.as_str())) {
            let what = format!("{}: an option that only the other system has is passed over", self.line);
            self.notes.push(what);
            return Ok(Answer::Done(0));
        }
        let option = socket_option(level, name);
        let (level, name) = option.map_err(super::Stop::Skipped)?;
        let new = match new {
            Expression::Text(name) => OptionValue::Bytes(name.as_bytes().into()),
            Expression::List(list) if list.len() == 1 => OptionValue::Number(value(&list[0])?),
            Expression::Struct(fields) => match linger_of(fields) {
                Some(linger) => linger,
                None => return skipped("a value of this form is not supported"),
            },
            _ => return skipped("a value of this form is not supported"),
        };
        match self.process.setsockopt(self.fd(fd)?, level, name, &new) {
            Err(error) if error.errno == Errno::ENOPROTOOPT => {
                skipped("the kernel has no such socket option")
            }
            done => Ok(answer(done.map(|()| 0))),
        }
    }

    pub(super) fn option(
        &mut self,
        fd: &Expression,
        level: &Expression,
        name: &Expression,
        expected: &Expression,
    ) -> Attempt {
        let option = socket_option(level, name);
        let (level, name) = option.map_err(super::Stop::Skipped)?;
        let found = match self.process.getsockopt(self.fd(fd)?, level, name) {
            Ok(found) => found,
            Err(error) if error.errno == Errno::ENOPROTOOPT => {
                return skipped("the kernel has no such socket option");
            }
            Err(error) => return Ok(Answer::Error(error.errno)),
        };
        let is_error = (level, name) == (SOL_SOCKET, SO_ERROR);
        let is_good = match (expected, &found) {
            (Expression::Ellipsis, _) => true,
            (Expression::List(list), _) if matches!(list[..], [Expression::Ellipsis]) => true,
            (Expression::List(list), OptionValue::Number(found)) if list.len() == 1 => match &list[0] {
                Expression::Word(name) if is_error => {
                    crate::symbols::errno(name).is_some_and(|errno| errno as i64 == *found)
                }
                expected if is_error && value(expected)? != 0 => {
                    return skipped("the number of an error is another in each system: write its name");
                }
                expected => value(expected)? == *found || (self.settings.ignored.sockopt && !is_error),
            },
            (Expression::Struct(fields), OptionValue::Linger(_)) => {
                linger_of(fields).as_ref() == Some(&found)
            }
            _ => return skipped("a value of this form is not supported"),
        };
        Ok(if is_good { Answer::Done(0) } else { Answer::Other(format!("the option is {found:?}")) })
    }
}

/// `{onoff=1, linger=0}`.
fn linger_of(fields: &[Expression]) -> Option<OptionValue> {
    let number = |name: &str| field(fields, name).and_then(|field| crate::symbols::number(field).ok());
    let seconds = u64::try_from(number("linger")?).ok()?;
    Some(OptionValue::Linger((number("onoff")? != 0).then(|| Duration::from_secs(seconds))))
}
