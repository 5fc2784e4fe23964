//! Sending and receiving.

use super::calls::{Answer, Attempt, Progress, field, lengths, skipped, value};
use super::{Runner, Stop};
use crate::script::Expression;
use crate::wire::{content, pattern};
use rump_kern::SendMessage;
use rump_kpi::socket::Control;
use rump_kpi::{Errno, MessageFlags, SocketAddress, SocketType};

/// The most bytes of a call.
const MOST: i64 = 16 << 20;

/// What buffers hold together. Errors: more than any script needs.
pub(super) fn total_of(parts: &[i64]) -> Result<usize, Stop> {
    let total = parts.iter().try_fold(0_i64, |total, part| total.checked_add(*part).filter(|_| *part >= 0));
    match total.filter(|total| *total <= MOST) {
        Some(total) => Ok(total as usize),
        None => skipped("buffers of this size are not supported"),
    }
}

pub(super) fn flags_of(number: i64) -> MessageFlags {
    MessageFlags::from_bits_truncate(number as u32)
}

impl Runner<'_> {
    pub(super) fn send(
        &mut self,
        fd: &Expression,
        parts: &[i64],
        flags: i64,
        to: Option<&Expression>,
        progress: &mut Progress,
    ) -> Attempt {
        let flags = flags_of(flags);
        let total = total_of(parts)?;
        let kernel_fd = self.fd(fd)?;
        let (is_stream, written, blocks) = match self.open_of(fd)? {
            Some(open) => (open.kind == Some(SocketType::Stream), open.written, open.blocks),
            None => (false, 0, false),
        };
        let to = match to {
            None => None,
            Some(Expression::Ellipsis) if is_stream => None,
            Some(to) => self.destination(to)?,
        };
        // Numbers of a stream begin behind the SYN.
        let begin = if is_stream { written.wrapping_add(1) } else { 0 };
        let bytes = content(begin, total - progress.bytes.min(total));
        let message = SendMessage { parts: &[&bytes], to: to.as_ref(), ..SendMessage::default() };
        let sent = match self.process.sendmsg(kernel_fd, &message, flags) {
            Ok(sent) => sent,
            Err(error) if error.errno == Errno::EAGAIN => {
                let may_wait = blocks && !flags.contains(MessageFlags::DONTWAIT);
                return Ok(if may_wait { Answer::Blocks } else { Answer::Error(error.errno) });
            }
            // What went before the error counts.
            Err(_) if progress.bytes > 0 => return Ok(Answer::Done(progress.bytes as i64)),
            Err(error) => return Ok(Answer::Error(error.errno)),
        };
        progress.bytes += sent;
        if let Some(open) = self.open_of(fd)? {
            open.written = open.written.wrapping_add(sent as u32);
        }
        self.note_datagrams(fd, to.as_ref().map(super::sockets::port))?;
        let is_partial = is_stream && progress.bytes < total;
        if is_partial && blocks && !flags.contains(MessageFlags::DONTWAIT) {
            return Ok(Answer::Blocks);
        }
        Ok(Answer::Done(progress.bytes as i64))
    }

    /// To whom a message goes, unless that is settled.
    pub(super) fn destination(&self, to: &Expression) -> Result<Option<SocketAddress>, Stop> {
        match to {
            Expression::Number(0) => Ok(None),
            Expression::Word(word) if word == "NULL" => Ok(None),
            to => self.address(to, (self.settings.remote(), self.settings.connect_port)).map(Some),
        }
    }

    pub(super) fn send_message(
        &mut self,
        fd: &Expression,
        message: &Expression,
        flags: i64,
        progress: &mut Progress,
    ) -> Attempt {
        let (fields, parts) = message_of(message)?;
        if matches!(field(fields, "msg_control"), Some(Expression::List(list)) if !list.is_empty()) {
            return skipped("control messages with what is sent are not supported");
        }
        let to = field(fields, "msg_name");
        self.send(fd, &lengths(parts)?, flags, to, progress)
    }

    pub(super) fn receive(
        &mut self,
        fd: &Expression,
        parts: &[i64],
        flags: i64,
        progress: &mut Progress,
    ) -> Attempt {
        self.receive_with(fd, parts, flags, progress).map(|(answer, ..)| answer)
    }

    pub(super) fn receive_message(
        &mut self,
        fd: &Expression,
        message: &Expression,
        flags: i64,
        progress: &mut Progress,
    ) -> Attempt {
        let (fields, parts) = message_of(message)?;
        let expected = field(fields, "msg_flags").map(value).transpose()?;
        let (answer, said, control) = self.receive_with(fd, &lengths(parts)?, flags, progress)?;
        let unlike = super::control::unlike(fields, &control)?;
        let said = i64::from(said.bits());
        match (&answer, expected) {
            (Answer::Done(_), Some(expected)) if expected != said => {
                Ok(Answer::Other(format!("expected msg_flags {expected:#x}, got {said:#x}")))
            }
            (Answer::Done(_), _) => Ok(unlike.map_or(answer, Answer::Other)),
            _ => Ok(answer),
        }
    }

    fn receive_with(
        &mut self,
        fd: &Expression,
        parts: &[i64],
        flags: i64,
        progress: &mut Progress,
    ) -> Result<(Answer, MessageFlags, Vec<Control>), Stop> {
        let flags = flags_of(flags);
        let total = total_of(parts)?;
        let kernel_fd = self.fd(fd)?;
        let blocks = self.blocks(fd)? && !flags.contains(MessageFlags::DONTWAIT);
        let waits_for_all = flags.contains(MessageFlags::WAITALL) && blocks;
        loop {
            let mut buffer = vec![0; total - progress.bytes.min(total)];
            let received = self.process.recvmsg(kernel_fd, &mut [&mut buffer], 0, flags);
            let received = match received {
                Ok(received) => received,
                Err(error) if error.errno == Errno::EAGAIN && blocks => {
                    return Ok((Answer::Blocks, MessageFlags::empty(), Vec::new()));
                }
                Err(error) => return Ok((Answer::Error(error.errno), MessageFlags::empty(), Vec::new())),
            };
            let copied = &buffer[..received.length.min(buffer.len())];
            if let Some(what) = self.note_read(fd, copied, flags)? {
                return Ok((Answer::Other(what), received.flags, Vec::new()));
            }
            progress.bytes += received.length;
            if !waits_for_all || received.length == 0 || progress.bytes >= total {
                return Ok((Answer::Done(progress.bytes as i64), received.flags, received.control));
            }
        }
    }

    /// Bytes were read: are they those that came? Answers what is wrong with them.
    fn note_read(
        &mut self,
        fd: &Expression,
        bytes: &[u8],
        flags: MessageFlags,
    ) -> Result<Option<String>, Stop> {
        let Some(open) = self.open_of(fd)? else { return Ok(None) };
        if flags.contains(MessageFlags::OOB) {
            // From now on there is a byte less in the stream.
            open.is_checked = false;
        }
        let first = open.read.wrapping_add(1);
        let wrong =
            bytes.iter().enumerate().find(|(at, byte)| **byte != pattern(first.wrapping_add(*at as u32)));
        if !flags.intersects(MessageFlags::PEEK | MessageFlags::OOB) {
            open.read = open.read.wrapping_add(bytes.len() as u32);
        }
        let wrong = wrong.filter(|_| open.is_checked);
        Ok(wrong.map(|(at, _)| format!("byte {at} of what was read is not the one that came")))
    }
}

/// The fields of a `struct msghdr`, and its parts. Errors: it is none, or has what is not supported.
pub(super) fn message_of(message: &Expression) -> Result<(&[Expression], &Expression), Stop> {
    let Expression::Struct(fields) = message else { return skipped("a message is a structure") };
    let Some(parts) = field(fields, "msg_iov") else { return skipped("msg_iov is missing") };
    Ok((fields, parts))
}
