//! Who raises signals, and what becomes of them.

mod common;

use common::*;
use rump_abi::{
    AddressFamily, Errno::*, MessageFlags, OpenFlags, PollEvents, Resource, ResourceLimit, Signal, SignalSet,
    SocketType,
};
use rump_host_sim::SimHost;
use rump_kern::{Fd, FdSet, Handling, Interruption, Kernel, PollFd, Process, SendMessage, SignalModel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

type Raised = Arc<Mutex<Vec<(u32, Signal)>>>;

fn boot(model: SignalModel) -> (Arc<SimHost>, Process) {
    let host = SimHost::new(1);
    let builder = Kernel::builder(host.clone()).component(rumpfs_tmpfs::component());
    let kernel = builder.component(rumpnet_local::component()).signals(model).boot().unwrap();
    (host, kernel.process())
}

fn raising() -> (Raised, SignalModel) {
    let raised = Raised::default();
    let noted = raised.clone();
    (
        raised,
        SignalModel::Raise(Arc::new(move |pid, signal| {
            noted.lock().unwrap().push((pid, signal));
            Handling::Interrupts
        })),
    )
}

fn broken_pipe(p: &Process, flags: OpenFlags) -> Fd {
    let [r, w] = p.pipe2(flags).unwrap();
    p.close(r).unwrap();
    w
}

fn broken_socket(p: &Process) -> Fd {
    let [a, b] = p.socketpair(AddressFamily::Local, SocketType::Stream, 0, OpenFlags::empty()).unwrap();
    p.close(b).unwrap();
    a
}

#[test]
fn a_broken_pipe_raises_one_signal_for_each_write() {
    let (raised, model) = raising();
    let (_, p) = boot(model);
    for flags in [OpenFlags::empty(), OpenFlags::NONBLOCK] {
        let w = broken_pipe(&p, flags);
        fails(p.write(w, b"x"), EPIPE);
        assert_eq!(raised.lock().unwrap().drain(..).as_slice(), [(p.pid(), Signal::SIGPIPE)]);
        p.write(w, b"").unwrap();
        assert!(raised.lock().unwrap().is_empty());
    }
}

#[test]
fn a_broken_socket_raises_a_signal_unless_the_flags_say_not_to() {
    let (raised, model) = raising();
    let (_, p) = boot(model);
    let s = broken_socket(&p);
    fails(p.write(s, b"x"), EPIPE);
    fails(p.send(s, b"x", MessageFlags::DONTWAIT), EPIPE);
    fails(
        p.sendmmsg(s, &[SendMessage { parts: &[b"x"], ..SendMessage::default() }], MessageFlags::empty()),
        EPIPE,
    );
    assert_eq!(raised.lock().unwrap().drain(..).as_slice(), [(p.pid(), Signal::SIGPIPE); 3]);
    fails(p.send(s, b"x", MessageFlags::NOSIGNAL), EPIPE);
    fails(p.send(s, b"x", MessageFlags::NOSIGNAL | MessageFlags::DONTWAIT), EPIPE);
    assert!(raised.lock().unwrap().is_empty());
}

#[test]
fn a_write_that_breaks_off_raises_a_signal_too() {
    let (raised, model) = raising();
    let (_, p) = boot(model);
    let [r, w] = p.pipe().unwrap();
    let writer = p.clone();
    let thread = std::thread::spawn(move || writer.write(w, &[7; 200_000]));
    let mut bytes = [0; 100];
    assert_eq!(p.read(r, &mut bytes).unwrap(), 100);
    p.close(r).unwrap();
    assert!((1..200_000).contains(&thread.join().unwrap().unwrap()));
    assert_eq!(*raised.lock().unwrap(), [(p.pid(), Signal::SIGPIPE)]);
}

#[test]
fn recorded_signals_wait_until_they_are_accepted() {
    let (_, p) = boot(SignalModel::Record);
    let other = p.fork();
    fails(p.write(broken_pipe(&p, OpenFlags::empty()), b"x"), EPIPE);
    p.raise(Signal::SIGUSR1).unwrap();
    p.raise(Signal::SIGUSR1).unwrap();
    let both: SignalSet = [Signal::SIGPIPE, Signal::SIGUSR1].into_iter().collect();
    assert_eq!(p.pending_signals(), both);
    assert_eq!(other.pending_signals(), SignalSet::default());
    assert_eq!(p.accept_signals(Signal::SIGUSR1.into()), Signal::SIGUSR1.into());
    assert_eq!(p.accept_signals(Signal::SIGUSR1.into()), SignalSet::default());
    assert_eq!(p.pending_signals(), Signal::SIGPIPE.into());
}

#[test]
fn ignored_signals_leave_no_trace() {
    let (_, p) = boot(SignalModel::default());
    fails(p.write(broken_pipe(&p, OpenFlags::empty()), b"x"), EPIPE);
    assert!(p.pending_signals().is_empty());
    p.exit();
    fails(p.raise(Signal::SIGTERM), ESRCH);
}

#[test]
fn a_signal_ends_a_kernel_that_was_told_so() {
    let (host, p) = boot(SignalModel::Panic);
    let w = broken_pipe(&p, OpenFlags::empty());
    fails(p.write(w, b"x"), EPIPE);
    assert_eq!(host.console_lines(), [format!("panic: SIGPIPE for process {}", p.pid())]);
    fails(p.stat("/"), ENXIO);
    fails(p.raise(Signal::SIGTERM), ENXIO);
}

#[test]
fn the_model_can_be_changed() {
    let host = SimHost::new(1);
    let kernel = Kernel::builder(host).boot().unwrap();
    let p = kernel.process();
    kernel.set_signal_model(SignalModel::Record);
    p.raise(Signal::SIGHUP).unwrap();
    kernel.set_signal_model(SignalModel::Ignore);
    p.raise(Signal::SIGTERM).unwrap();
    assert_eq!(p.pending_signals(), Signal::SIGHUP.into());
}

#[test]
fn a_process_and_its_children_may_have_a_model_of_their_own() {
    let (raised, model) = raising();
    let (_, p) = boot(SignalModel::Record);
    let other = p.fork();
    other.set_signal_model(model);
    let child = other.fork();
    for process in [&p, &other, &child] {
        process.raise(Signal::SIGHUP).unwrap();
    }
    assert_eq!(p.pending_signals(), Signal::SIGHUP.into());
    assert!(other.pending_signals().is_empty());
    let expected = [&other, &child].map(|process| (process.pid(), Signal::SIGHUP));
    assert_eq!(*raised.lock().unwrap(), expected);
}

#[test]
fn a_descriptor_that_wants_no_signal_raises_none() {
    let (raised, model) = raising();
    let (_, p) = boot(model);
    fails(p.write(broken_pipe(&p, OpenFlags::NOSIGPIPE), b"x"), EPIPE);
    assert!(raised.lock().unwrap().is_empty());
}

#[test]
fn a_file_that_would_exceed_its_limit_raises_a_signal() {
    let (raised, model) = raising();
    let (_, p) = boot(model);
    let limit = ResourceLimit { soft: 10, hard: ResourceLimit::INFINITY };
    p.setrlimit(Resource::FileSize, limit).unwrap();
    let fd = open(&p, "/f", OpenFlags::CREAT | OpenFlags::RDWR).unwrap();
    assert_eq!(p.write(fd, &[1; 20]).unwrap(), 10);
    assert!(raised.lock().unwrap().is_empty());
    fails(p.write(fd, b"x"), EFBIG);
    fails(p.pwrite(fd, b"x", 10), EFBIG);
    fails(p.ftruncate(fd, 11), EFBIG);
    assert_eq!(raised.lock().unwrap().drain(..).as_slice(), [(p.pid(), Signal::SIGXFSZ); 3]);
}

/// What a call answers that blocks while `raise` is done again and again.
fn while_raising<T: Send + 'static>(
    p: &Process,
    signal: Signal,
    call: impl FnOnce(&Process) -> T + Send + 'static,
) -> T {
    let caller = p.clone();
    let thread = std::thread::spawn(move || call(&caller));
    while !thread.is_finished() {
        p.raise(signal).unwrap();
        std::thread::yield_now();
    }
    thread.join().unwrap()
}

#[test]
fn a_signal_ends_waiting_unless_it_is_masked() {
    let (_, model) = raising();
    let (_, p) = boot(model);
    let [r, _w] = p.pipe().unwrap();
    let poll = move |p: &Process, mask| p.ppoll(&mut [PollFd::new(r, PollEvents::IN)], None, mask);
    let usr1 = Some(SignalSet::from(Signal::SIGUSR1));
    fails(while_raising(&p, Signal::SIGUSR1, move |p| poll(p, None)), EINTR);
    fails(while_raising(&p, Signal::SIGUSR2, move |p| poll(p, usr1)), EINTR);
    fails(while_raising(&p, Signal::SIGUSR1, move |p| p.read(r, &mut [0])), EINTR);
    // The masked one does not: it is the other that does.
    let caller = p.clone();
    let thread = std::thread::spawn(move || poll(&caller, usr1));
    for _ in 0..1000 {
        p.raise(Signal::SIGUSR1).unwrap();
    }
    assert!(!thread.is_finished());
    while !thread.is_finished() {
        p.raise(Signal::SIGUSR2).unwrap();
        std::thread::yield_now();
    }
    fails(thread.join().unwrap(), EINTR);
}

#[test]
fn what_nobody_handles_ends_no_call_and_a_restarting_handler_few() {
    for (handling, ends_poll, ends_read) in
        [(Handling::Ignored, false, false), (Handling::Restarts, true, false)]
    {
        let (_, p) = boot(SignalModel::Raise(Arc::new(move |_, _| handling)));
        let [r, w] = p.pipe().unwrap();
        let caller = p.clone();
        let reader = std::thread::spawn(move || caller.read(r, &mut [0]));
        let caller = p.clone();
        let waiter = std::thread::spawn(move || caller.poll(&mut [PollFd::new(r, PollEvents::IN)], None));
        while ends_poll && !waiter.is_finished() {
            p.raise(Signal::SIGUSR1).unwrap();
            std::thread::yield_now();
        }
        for _ in 0..1000 {
            p.raise(Signal::SIGUSR1).unwrap();
        }
        assert_eq!((waiter.is_finished(), reader.is_finished()), (ends_poll, ends_read));
        p.write(w, b"xy").unwrap();
        assert_eq!(reader.join().unwrap().unwrap(), 1);
        let polled = waiter.join().unwrap();
        assert_eq!(polled.map_err(|error| error.errno), if ends_poll { Err(EINTR) } else { Ok(1) });
    }
}

#[test]
fn an_interruption_ends_one_call_and_no_other() {
    let (_, p) = boot(SignalModel::Ignore);
    let [r, w] = p.pipe().unwrap();
    let interruption = Arc::new(Interruption::default());
    let (one, other) = (p.interruptible(&interruption), p.clone());
    let one = std::thread::spawn(move || one.read(r, &mut [0]));
    let other = std::thread::spawn(move || other.read(r, &mut [0]));
    p.interrupt_by(&interruption, Handling::Ignored);
    p.interrupt_by(&interruption, Handling::Restarts);
    let waits = p.interruptible(&interruption);
    // What is not restarted ends, also when the handler ran before it waits.
    fails(waits.poll(&mut [PollFd::new(r, PollEvents::IN)], None), EINTR);
    assert!(!one.is_finished());
    p.interrupt_by(&interruption, Handling::Interrupts);
    fails(one.join().unwrap(), EINTR);
    assert!(!other.is_finished());
    p.write(w, b"x").unwrap();
    assert_eq!(other.join().unwrap().unwrap(), 1);
    // What is ready is answered first.
    p.write(w, b"y").unwrap();
    assert_eq!(waits.read(r, &mut [0]).unwrap(), 1);
}

#[test]
fn what_had_gone_before_an_interruption_is_told() {
    let (_, p) = boot(SignalModel::Ignore);
    let [a, b] = p.socketpair(AddressFamily::Local, SocketType::Stream, 0, OpenFlags::empty()).unwrap();
    let [_r, w] = p.pipe().unwrap();
    let much = vec![0; 1 << 20];
    for fd in [a, w] {
        let interruption = Arc::new(Interruption::default());
        let (caller, all) = (p.interruptible(&interruption), much.clone());
        let thread = std::thread::spawn(move || [caller.write(fd, &all), caller.write(fd, &all)]);
        // Room is taken before anybody waits for more.
        while !p
            .poll(&mut [PollFd::new(fd, PollEvents::OUT)], Some(Duration::ZERO))
            .is_ok_and(|ready| ready == 0)
        {
            std::thread::yield_now();
        }
        p.interrupt_by(&interruption, Handling::Interrupts);
        let [first, second] = thread.join().unwrap();
        assert!((1..much.len()).contains(&first.unwrap()));
        fails(second, EINTR);
    }
    drop(p.close(b));
}

#[test]
fn what_was_recorded_ends_waiting_with_a_mask_at_once() {
    let (_, p) = boot(SignalModel::Record);
    p.raise(Signal::SIGUSR1).unwrap();
    let none = Some(SignalSet::default());
    fails(p.ppoll(&mut [], Some(Duration::ZERO), none), EINTR);
    fails(
        p.pselect([&mut FdSet::default(), &mut FdSet::default(), &mut FdSet::default()], None, none),
        EINTR,
    );
    assert_eq!(p.ppoll(&mut [], Some(Duration::ZERO), Some(Signal::SIGUSR1.into())).unwrap(), 0);
    assert_eq!(p.poll(&mut [], Some(Duration::ZERO)).unwrap(), 0);
    // What is ready is answered first.
    let [_r, w] = p.pipe().unwrap();
    assert_eq!(p.ppoll(&mut [PollFd::new(w, PollEvents::OUT)], None, none).unwrap(), 1);
}

#[test]
fn a_recorded_signal_is_waited_for() {
    let (_, p) = boot(SignalModel::Record);
    let usr1 = SignalSet::from(Signal::SIGUSR1);
    fails(p.wait_for_signal(usr1, Some(Duration::ZERO)), EAGAIN);
    let found = while_raising(&p, Signal::SIGUSR1, move |p| p.wait_for_signal(usr1, None));
    assert_eq!(found.unwrap(), Signal::SIGUSR1);
    fails(
        while_raising(&p, Signal::SIGUSR2, move |p| p.wait_for_signal(Signal::SIGTERM.into(), None)),
        EINTR,
    );
}
