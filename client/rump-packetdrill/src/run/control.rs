//! Control messages, and calls with several messages.

use super::calls::{Answer, Attempt, Progress, field, lengths, skipped, value};
use super::messages::{flags_of, message_of, total_of};
use super::{Runner, Stop};
use crate::script::Expression;
use crate::wire::content;
use rump_kern::{Received, SendMessage};
use rump_kpi::Errno;
use rump_kpi::socket::Control;
use std::net::IpAddr;

/// More messages than this no script sends at once.
const MOST: usize = 1024;

/// What a `struct cmsghdr` of a script says that something is, and its number; none if it says only that it is there.
type Said = (&'static str, Option<i64>);

/// What came with a message, if scripts can say so.
fn said(control: &Control) -> Option<Said> {
    Some(match control {
        Control::TrafficClass(class) => ("class", Some((*class).into())),
        Control::HopLimit(limit) => ("ttl", Some((*limit).into())),
        Control::Timestamp(_) => ("timestamp", None),
        Control::PacketInfo { to: IpAddr::V4(_), .. } => ("pktinfo", None),
        Control::PacketInfo { to: IpAddr::V6(_), .. } => ("pktinfo", None),
        _ => return None,
    })
}

/// What a script says of what came. Errors: it has what is not supported.
fn expected(header: &Expression) -> Result<Said, Stop> {
    let Expression::Struct(fields) = header else { return skipped("a control message is a structure") };
    let name = match field(fields, "cmsg_type") {
        Some(Expression::Word(name)) => name.as_str(),
        _ => return skipped("cmsg_type is a name"),
    };
    let what = match name {
        "IP_TOS" | "IPV6_TCLASS" => "class",
        "IP_TTL" | "IPV6_HOPLIMIT" => "ttl",
        "SCM_TIMESTAMP" | "SO_TIMESTAMP" => "timestamp",
        "IP_PKTINFO" | "IPV6_PKTINFO" => "pktinfo",
        _ => return skipped(format!("control messages {name} are not supported")),
    };
    let number = match field(fields, "cmsg_data") {
        None | Some(Expression::Ellipsis) => None,
        Some(Expression::List(list)) if list.len() == 1 => Some(value(&list[0])?),
        Some(Expression::Struct(_)) => return skipped("cmsg_data of this form is not supported"),
        Some(number) => Some(value(number)?),
    };
    Ok((what, number))
}

/// What came otherwise than a script says, if it says something. Errors: it has what is not supported.
pub(super) fn unlike(fields: &[Expression], came: &[Control]) -> Result<Option<String>, Stop> {
    let Some(Expression::List(list)) = field(fields, "msg_control") else { return Ok(None) };
    let wanted = list.iter().map(expected).collect::<Result<Vec<_>, _>>()?;
    let came: Vec<Said> = came.iter().filter_map(said).collect();
    let fits =
        |(wanted, came): (&Said, &Said)| wanted.0 == came.0 && (wanted.1.is_none() || wanted.1 == came.1);
    let is_same = wanted.len() == came.len() && wanted.iter().zip(&came).all(fits);
    Ok((!is_same).then(|| format!("expected the control messages {wanted:?}, got {came:?}")))
}

/// The messages of a `struct mmsghdr[]`: of each its fields, and its length if that is told.
fn messages(list: &Expression) -> Result<Vec<(&Expression, Option<i64>)>, Stop> {
    let Expression::List(list) = list else { return skipped("several messages are a list") };
    if list.len() > MOST {
        return skipped("so many messages are not supported");
    }
    list.iter().map(split).collect()
}

/// A `struct mmsghdr`, or a `struct msghdr` alone.
fn split(message: &Expression) -> Result<(&Expression, Option<i64>), Stop> {
    let Expression::Struct(fields) = message else { return skipped("a message is a structure") };
    let length = field(fields, "msg_len").map(value).transpose()?;
    Ok((field(fields, "msg_hdr").unwrap_or(message), length))
}

impl Runner<'_> {
    pub(super) fn send_messages(&mut self, fd: &Expression, list: &Expression, flags: i64) -> Attempt {
        let (kernel_fd, messages) = (self.fd(fd)?, messages(list)?);
        let mut contents = Vec::new();
        let mut names = Vec::new();
        for (message, _) in &messages {
            let (fields, parts) = message_of(message)?;
            contents.push(content(0, total_of(&lengths(parts)?)?));
            let to = field(fields, "msg_name").map(|to| self.destination(to)).transpose()?;
            names.push(to.flatten());
        }
        let parts: Vec<[&[u8]; 1]> = contents.iter().map(|content| [&content[..]]).collect();
        let outgoing = |(parts, to)| SendMessage { parts, to, ..SendMessage::default() };
        let all: Vec<SendMessage<'_>> = parts
            .iter()
            .map(|parts| &parts[..])
            .zip(names.iter().map(Option::as_ref))
            .map(outgoing)
            .collect();
        let sent = match self.process.sendmmsg(kernel_fd, &all, flags_of(flags)) {
            Ok(sent) => sent,
            Err(error) => return Ok(Answer::Error(error.errno)),
        };
        self.note_datagrams(fd, names.iter().flatten().next_back().map(super::sockets::port))?;
        let told = messages.iter().zip(&contents).take(sent);
        for ((_, length), content) in told {
            if length.is_some_and(|length| length != content.len() as i64) {
                return Ok(Answer::Other(format!("expected msg_len {length:?}, got {}", content.len())));
            }
        }
        Ok(Answer::Done(sent as i64))
    }

    pub(super) fn receive_messages(
        &mut self,
        fd: &Expression,
        list: &Expression,
        flags: i64,
        progress: &mut Progress,
    ) -> Attempt {
        let flags = flags_of(flags);
        let messages = messages(list)?;
        let mut buffers = Vec::new();
        for (message, _) in messages.iter().skip(progress.messages) {
            let (_, parts) = message_of(message)?;
            buffers.push(vec![0; total_of(&lengths(parts)?)?]);
        }
        let blocks = self.blocks(fd)? && !flags.contains(rump_kpi::MessageFlags::DONTWAIT);
        let mut parts: Vec<&mut [u8]> = buffers.iter_mut().map(|buffer| &mut buffer[..]).collect();
        let kernel_fd = self.fd(fd)?;
        let came = match self.process.recvmmsg(kernel_fd, &mut parts, 0, flags, None) {
            Ok(came) => came,
            Err(error) if error.errno == Errno::EAGAIN && blocks => return Ok(Answer::Blocks),
            Err(error) if progress.messages == 0 => return Ok(Answer::Error(error.errno)),
            Err(_) => return Ok(Answer::Done(progress.messages as i64)),
        };
        for ((message, length), received) in messages.iter().skip(progress.messages).zip(&came) {
            if let Some(what) = wrong_message(message, *length, received)? {
                return Ok(Answer::Other(what));
            }
        }
        progress.messages += came.len();
        let is_done = progress.messages == messages.len()
            || flags.contains(rump_kpi::MessageFlags::WAITFORONE)
            || !blocks;
        Ok(if is_done { Answer::Done(progress.messages as i64) } else { Answer::Blocks })
    }
}

fn wrong_message(message: &Expression, length: Option<i64>, came: &Received) -> Result<Option<String>, Stop> {
    let (fields, _) = message_of(message)?;
    if let Some(length) = length.filter(|length| *length != came.length as i64) {
        return Ok(Some(format!("expected msg_len {length}, got {}", came.length)));
    }
    let flags = field(fields, "msg_flags").map(value).transpose()?;
    let said = i64::from(came.flags.bits());
    if let Some(flags) = flags.filter(|flags| *flags != said) {
        return Ok(Some(format!("expected msg_flags {flags:#x}, got {said:#x}")));
    }
    unlike(fields, &came.control)
}
