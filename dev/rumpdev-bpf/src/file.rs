//! An open `/dev/bpf`.

use crate::program::{INSTRUCTION_BYTES, Instruction, MOST_INSTRUCTIONS, Program};
use crate::request::*;
use crate::state::{ETHERNET_BYTES, FAMILY_BYTES, Heeds, Link, State};
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use bytes::Bytes;
use core::time::Duration;
use rump_kpi::character::{Argument, DeviceEnvironment, DeviceFile, Patience};
use rump_kpi::device::NetworkDevice;
use rump_kpi::packet::Packet;
use rump_kpi::port::{Direction, Listener};
use rump_kpi::socket::Amounts;
use rump_kpi::sync::Mutex;
use rump_kpi::{AddressFamily, Errno, KError, KResult, PollEvents, WaitQueue};

/// Where `struct bpf_program` and `struct bpf_dltlist` have their pointer.
const POINTER_AT: usize = 8;
const BEHIND_LIST: usize = LIST_BYTES as usize;
/// The version of the machine.
const VERSION: [u16; 2] = [1, 1];
/// Where Ethernet has the source.
const SOURCE_AT: usize = 6;

/// See the module.
pub(crate) struct File {
    environment: DeviceEnvironment,
    ear: Arc<Ear>,
}

/// What listens at the interface.
struct Ear {
    now: Arc<dyn Fn() -> rump_kpi::TimeSpec + Send + Sync>,
    monotonic: Arc<dyn Fn() -> Duration + Send + Sync>,
    state: Mutex<State>,
    waiters: Arc<WaitQueue>,
}

impl Listener for Ear {
    fn hear(&self, direction: Direction, packet: &Packet) {
        let (time, now) = ((self.now)(), (self.monotonic)());
        if self.state.lock().hear(direction, packet, time, now) {
            self.waiters.wake();
        }
    }

    fn gone(&self) {
        let port = {
            let mut state = self.state.lock();
            state.is_gone = true;
            state.port.take()
        };
        drop(port);
        self.waiters.wake();
    }
}

impl Drop for File {
    fn drop(&mut self) {
        self.leave();
    }
}

impl File {
    pub(crate) fn new(environment: DeviceEnvironment) -> Self {
        let (now, monotonic) = (environment.now.clone(), environment.monotonic.clone());
        let ear = Ear { now, monotonic, state: Mutex::default(), waiters: Arc::default() };
        Self { environment, ear: Arc::new(ear) }
    }

    /// Listens nowhere any more.
    fn leave(&self) {
        let port = self.ear.state.lock().port.take();
        if let Some(port) = port {
            let listener: Arc<dyn Listener> = self.ear.clone();
            port.unlisten(&listener);
        }
    }

    /// Errors: ENXIO (no such interface), EOPNOTSUPP (one without a device).
    fn set_interface(&self, name: [u8; IFNAMSIZ]) -> KResult<()> {
        let length = name.iter().position(|byte| *byte == 0).unwrap_or(IFNAMSIZ);
        let name = core::str::from_utf8(&name[..length]).map_err(|_| Errno::ENXIO)?;
        let port = self.environment.interfaces.port(name)?;
        let link = Link::of(port.info().medium);
        self.leave();
        {
            let mut state = self.ear.state.lock();
            state.reset();
            (state.port, state.is_gone, state.link) = (Some(port.clone()), false, link);
        }
        port.listen(self.ear.clone());
        let is_still = self.ear.state.lock().port.as_ref().is_some_and(|now| Arc::ptr_eq(now, &port));
        if !is_still {
            // Another request chose another meanwhile.
            let listener: Arc<dyn Listener> = self.ear.clone();
            port.unlisten(&listener);
        }
        Ok(())
    }

    /// Errors: EINVAL (not a valid program).
    fn set_filter(&self, argument: &Argument<'_>, request: u32) -> KResult<()> {
        let count = argument.u32(0)? as usize;
        if count > MOST_INSTRUCTIONS {
            return Err(crate::Invalid::Length(count).into());
        }
        let at = |number: usize| BEHIND_LIST + number * INSTRUCTION_BYTES;
        let instructions = (0..count).map(|number| argument.bytes(at(number)).map(Instruction::parse));
        let instructions: Vec<Instruction> = instructions.collect::<KResult<_>>()?;
        let program = if count == 0 { None } else { Some(Arc::new(Program::new(&instructions)?)) };
        let mut state = self.ear.state.lock();
        if request == BIOCSETWF {
            state.write_filter = program;
        } else {
            state.filter = program;
            state.reset();
        }
        Ok(())
    }

    /// What is asked of the state alone. Errors: ENOTTY, EINVAL.
    fn change(&self, request: u32, argument: &mut Argument<'_>) -> KResult<()> {
        let mut state = self.ear.state.lock();
        match request {
            BIOCGBLEN => argument.put_u32(0, state.buffers.size() as u32),
            BIOCSBLEN if state.port.is_some() => {
                Err(KError::new(Errno::EINVAL, "the buffers of a filter with an interface have their length"))
            }
            BIOCSBLEN => {
                let size = state.resize(argument.u32(0)?);
                argument.put_u32(0, size)
            }
            BIOCFLUSH => {
                state.reset();
                Ok(())
            }
            BIOCGDLT => argument.put_u32(0, attached(&state)?.kind),
            BIOCSDLT if argument.u32(0)? == attached(&state)?.kind => Ok(()),
            BIOCSDLT => Err(Errno::EINVAL.into()),
            BIOCPROMISC => attached(&state).map(drop),
            BIOCGSTATS => {
                argument.put(0, &[0; STATISTICS])?;
                let counts = state.counts;
                for (number, count) in [counts.heard, counts.dropped, counts.wanted].into_iter().enumerate() {
                    argument.put(number * 8, &count.to_le_bytes())?;
                }
                Ok(())
            }
            BIOCIMMEDIATE => flag(argument, &mut state.is_immediate),
            BIOCVERSION => argument.put(0, &VERSION.map(u16::to_le_bytes).concat()),
            BIOCGHDRCMPLT => argument.put_u32(0, state.has_complete_headers.into()),
            BIOCSHDRCMPLT => flag(argument, &mut state.has_complete_headers),
            BIOCGDIRECTION => argument.put_u32(0, state.heeds as u32),
            BIOCSDIRECTION => {
                state.heeds = Heeds::of_number(argument.u32(0)?).ok_or(Errno::EINVAL)?;
                Ok(())
            }
            BIOCGFEEDBACK => argument.put_u32(0, state.has_feedback.into()),
            BIOCSFEEDBACK => flag(argument, &mut state.has_feedback),
            BIOCSRTIMEOUT => {
                state.timeout = timeout_of(argument)?;
                Ok(())
            }
            BIOCGRTIMEOUT => {
                let timeout = state.timeout.unwrap_or_default();
                argument.put(0, &timeout.as_secs().to_le_bytes())?;
                argument.put(8, &u64::from(timeout.subsec_micros()).to_le_bytes())
            }
            BIOCLOCK => {
                state.is_locked = true;
                Ok(())
            }
            _ => Err(Errno::ENOTTY.into()),
        }
    }

    /// Errors: EINVAL (no interface), ENOMEM (the list has no room).
    fn list_links(&self, argument: &mut Argument<'_>) -> KResult<()> {
        let link = attached(&self.ear.state.lock())?;
        if argument.bytes(POINTER_AT)? != [0; 8] {
            if argument.u32(0)? == 0 {
                return Err(Errno::ENOMEM.into());
            }
            argument.put_u32(BEHIND_LIST, link.kind)?;
        }
        argument.put_u32(0, 1)
    }

    fn name_of_interface(&self, argument: &mut Argument<'_>) -> KResult<()> {
        let port = self.ear.state.lock().port.clone().ok_or(Errno::EINVAL)?;
        let mut name = [0; IFNAMSIZ];
        let length = port.name().len().min(IFNAMSIZ - 1);
        name[..length].copy_from_slice(&port.name().as_bytes()[..length]);
        argument.put(0, &name)
    }
}

/// Bytes of `struct bpf_stat`.
const STATISTICS: usize = rump_kpi::character::request::length(BIOCGSTATS);

/// What the interface carries. Errors: EINVAL (there is none).
fn attached(state: &State) -> KResult<Link> {
    if state.port.is_some() { Ok(state.link) } else { Err(Errno::EINVAL.into()) }
}

fn flag(argument: &Argument<'_>, place: &mut bool) -> KResult<()> {
    *place = argument.u32(0)? != 0;
    Ok(())
}

/// Errors: EINVAL (negative, or too many microseconds).
fn timeout_of(argument: &Argument<'_>) -> KResult<Option<Duration>> {
    let seconds = u64::try_from(argument.bytes(0).map(i64::from_le_bytes)?).map_err(|_| Errno::EINVAL)?;
    let micros = argument.u32(8)?;
    if micros >= 1_000_000 {
        return Err(Errno::EINVAL.into());
    }
    let timeout = Duration::new(seconds, micros * 1000);
    Ok((!timeout.is_zero()).then_some(timeout))
}

/// A packet that was behind the number of its family. Errors: EAFNOSUPPORT.
fn without_family(mut packet: Packet) -> KResult<Packet> {
    let family = packet.first(FAMILY_BYTES).and_then(|bytes| bytes.first_chunk().copied());
    let family = family.map(u32::from_ne_bytes);
    packet.advance(FAMILY_BYTES);
    let version = packet.first(1).map(|bytes| bytes[0] >> 4);
    let is_ip = [(AddressFamily::Inet, 4), (AddressFamily::Inet6, 6)]
        .iter()
        .any(|(number, of_ip)| (family, version) == (Some(*number as u32), Some(*of_ip)));
    if is_ip { Ok(packet) } else { Err(Errno::EAFNOSUPPORT.into()) }
}

impl DeviceFile for File {
    /// Errors: ENXIO (no interface, or it is gone), EINVAL (another length than that of the buffers), EAGAIN.
    fn read(&self, parts: &mut [&mut [u8]], patience: Patience) -> KResult<usize> {
        let now = (self.ear.monotonic)();
        let mut state = self.ear.state.lock();
        if state.port.is_none() && !state.is_gone {
            return Err(KError::new(Errno::ENXIO, "the filter has no interface"));
        }
        if parts.iter().map(|part| part.len()).sum::<usize>() != state.buffers.size() {
            return Err(KError::new(Errno::EINVAL, "a filter is read with buffers as long as its own"));
        }
        state.look_at(now);
        if !state.buffers.is_held() {
            let is_wanted = state.is_readable() || state.is_gone || patience == Patience::None;
            match (state.buffers.is_stored(), state.is_gone) {
                (true, _) if is_wanted => state.buffers.rotate(),
                (false, true) => return Err(KError::new(Errno::ENXIO, "the interface is gone")),
                _ => return Err(Errno::EAGAIN.into()),
            }
            state.is_due = false;
        }
        Ok(state.buffers.take(|mut held| {
            for part in parts {
                let (now, later) = held.split_at(part.len().min(held.len()));
                part[..now.len()].copy_from_slice(now);
                held = later;
            }
        }))
    }

    /// Errors: ENXIO (no interface, or it is gone), ENETDOWN, EMSGSIZE, EPERM (the filter of what is written does not want
    /// it), EAFNOSUPPORT (at `lo0`: neither family of IP), those of the device.
    fn write(&self, parts: &[&[u8]]) -> KResult<usize> {
        let (port, link, is_complete, has_feedback, filter) = {
            let state = self.ear.state.lock();
            let port = state.port.clone().ok_or(Errno::ENXIO)?;
            (port, state.link, state.has_complete_headers, state.has_feedback, state.write_filter.clone())
        };
        let info = self.environment.interfaces.find(port.name())?;
        if !info.is_up {
            return Err(Errno::ENETDOWN.into());
        }
        let length: usize = parts.iter().map(|part| part.len()).sum();
        if length == 0 {
            return Ok(0);
        }
        if length < link.header || length > link.header + info.device.mtu as usize {
            return Err(Errno::EMSGSIZE.into());
        }
        let mut frame = parts.concat();
        if let (false, true, Some(own)) = (is_complete, link.header == ETHERNET_BYTES, port.hardware()) {
            frame[SOURCE_AT..SOURCE_AT + own.len()].copy_from_slice(&own);
        }
        if filter.is_some_and(|filter| filter.run(&frame[..], length as u32) == 0) {
            return Err(Errno::EPERM.into());
        }
        let mut packet = Packet::received(Bytes::from(frame));
        if link.is_loopback() {
            packet = without_family(packet)?;
        }
        let copy = (has_feedback || link.is_loopback()).then(|| packet.clone());
        port.transmit(&mut vec![packet])?;
        if let Some(copy) = copy {
            port.deliver(vec![copy]);
        }
        Ok(length)
    }

    fn ioctl(&self, request: u32, argument: &mut [u8]) -> KResult<()> {
        if self.ear.state.lock().is_locked && !WHEN_LOCKED.contains(&request) {
            return Err(KError::new(Errno::EPERM, "the filter is locked"));
        }
        let mut argument = Argument(argument);
        match request {
            BIOCSETIF => self.set_interface(argument.bytes(0)?)?,
            BIOCGETIF => self.name_of_interface(&mut argument)?,
            BIOCSETF | BIOCSETWF => self.set_filter(&argument, request)?,
            BIOCGDLTLIST => self.list_links(&mut argument)?,
            _ => self.change(request, &mut argument)?,
        }
        // What can be read, and until when it is waited for, may be something else now.
        self.ear.waiters.wake();
        Ok(())
    }

    fn read_timeout(&self) -> Option<Duration> {
        self.ear.state.lock().timeout
    }

    fn ready(&self) -> PollEvents {
        let now = (self.ear.monotonic)();
        let mut state = self.ear.state.lock();
        state.look_at(now);
        let mut ready = PollEvents::empty();
        ready.set(PollEvents::IN, state.is_readable() || state.is_gone);
        ready.set(PollEvents::OUT, state.port.is_some());
        ready.set(PollEvents::HUP, state.is_gone);
        ready
    }

    fn amounts(&self) -> Amounts {
        let state = self.ear.state.lock();
        Amounts { to_receive: state.buffers.length(), to_send: state.link.header }
    }

    fn deadline(&self) -> Option<Duration> {
        self.ear.state.lock().deadline()
    }

    fn waiters(&self) -> Option<&Arc<WaitQueue>> {
        Some(&self.ear.waiters)
    }
}
