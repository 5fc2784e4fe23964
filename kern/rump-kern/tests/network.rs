//! Families of protocols: when they are attached, and who drives them.

mod common;

use common::fails;
use rump_abi::{AddressFamily, Errno::*, OpenFlags, SocketType};
use rump_host_sim::SimHost;
use rump_hyper::Hypervisor;
use rump_kern::Kernel;
use rump_kpi::socket::{Caller, Domain, NetEnvironment, ProtocolFamily, Socket};
use rump_kpi::{Component, KResult};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

/// A family without sockets that counts what is asked of it.
#[derive(Default)]
struct Counting {
    attached: Mutex<Vec<(NetEnvironment, Weak<Polled>)>>,
}

struct Polled {
    environment: NetEnvironment,
    count: AtomicUsize,
}

/// How long after a poll the next one is due.
const PERIOD: Duration = Duration::from_secs(10);

impl ProtocolFamily for Counting {
    fn families(&self) -> &'static [AddressFamily] {
        &[AddressFamily::Inet, AddressFamily::Inet6]
    }

    fn attach(&self, environment: &NetEnvironment) -> KResult<Arc<dyn Domain>> {
        let polled = Arc::new(Polled { environment: environment.clone(), count: AtomicUsize::new(0) });
        self.attached.lock().unwrap().push((environment.clone(), Arc::downgrade(&polled)));
        Ok(polled)
    }
}

impl Domain for Polled {
    fn socket(&self, _: AddressFamily, _: SocketType, _: u8, caller: Caller) -> KResult<Arc<dyn Socket>> {
        Err(if caller.uid == 0 { EPROTONOSUPPORT } else { EACCES }.into())
    }

    fn poll(&self) -> Option<Duration> {
        self.count.fetch_add(1, Ordering::SeqCst);
        Some((self.environment.monotonic)() + PERIOD)
    }
}

fn boot(host: Arc<SimHost>) -> (Kernel, Arc<Counting>) {
    let family: Arc<Counting> = Arc::default();
    let builder = Kernel::builder(host as Arc<dyn Hypervisor>).component(rumpfs_tmpfs::component());
    (builder.component(Component::Protocols(family.clone())).boot().unwrap(), family)
}

fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !is_so() {
        assert!(begin.elapsed() < Duration::from_secs(30), "not {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn a_family_is_attached_once_when_it_is_asked_for() {
    let (kernel, family) = boot(SimHost::new(1));
    let p = kernel.process();
    assert_eq!(family.attached.lock().unwrap().len(), 0);
    for inet in [AddressFamily::Inet, AddressFamily::Inet6] {
        fails(p.socket(inet, SocketType::Stream, 0, OpenFlags::empty()), EPROTONOSUPPORT);
        fails(p.socketpair(inet, SocketType::Stream, 0, OpenFlags::empty()), EOPNOTSUPP);
    }
    assert_eq!(family.attached.lock().unwrap().len(), 1);
    let user = common::user(&p, 5);
    fails(user.socket(AddressFamily::Inet, SocketType::Raw, 1, OpenFlags::empty()), EACCES);
    fails(p.socket(AddressFamily::Local, SocketType::Stream, 0, OpenFlags::empty()), EAFNOSUPPORT);
}

#[test]
fn without_threads_the_embedder_polls() {
    let (kernel, family) = boot(SimHost::new(1));
    assert_eq!(kernel.poll_network(), None);
    kernel.protocols(AddressFamily::Inet).unwrap();
    let (environment, domain) = family.attached.lock().unwrap()[0].clone();
    (environment.poll_soon)();
    let polls = || domain.upgrade().map(|domain| domain.count.load(Ordering::SeqCst));
    assert_eq!(polls(), Some(0));
    assert_eq!(kernel.poll_network(), Some((environment.monotonic)() + PERIOD));
    assert_eq!(polls(), Some(1));
}

#[test]
fn one_thread_polls_when_asked_and_when_due_and_ends_with_the_kernel() {
    let host = SimHost::new(1);
    host.set_param("RUMP_THREADS", "1");
    let (kernel, family) = boot(host.clone());
    kernel.protocols(AddressFamily::Inet).unwrap();
    let (environment, domain) = family.attached.lock().unwrap()[0].clone();
    let polls = || domain.upgrade().map_or(0, |domain| domain.count.load(Ordering::SeqCst));
    (environment.poll_soon)();
    until("polled", || polls() > 0);
    let before = polls();
    host.advance(PERIOD);
    until("polled again", || polls() > before);
    drop(kernel);
    until("gone", || domain.upgrade().is_none());
    (environment.poll_soon)();
}

#[test]
fn a_halted_kernel_has_no_families() {
    let host = SimHost::new(1);
    host.set_param("RUMP_THREADS", "1");
    let (kernel, family) = boot(host);
    kernel.protocols(AddressFamily::Inet).unwrap();
    let (environment, domain) = family.attached.lock().unwrap()[0].clone();
    (environment.poll_soon)();
    kernel.init().reboot().unwrap();
    until("gone", || domain.upgrade().is_none());
    fails(kernel.protocols(AddressFamily::Inet), ENXIO);
    fails(kernel.process().pipe(), ENXIO);
}

#[test]
fn families_have_time_and_random_bytes() {
    let host = SimHost::new(1);
    let (kernel, family) = boot(host.clone());
    kernel.protocols(AddressFamily::Inet6).unwrap();
    let environment = family.attached.lock().unwrap()[0].0.clone();
    let (mut first, mut second) = ([0; 16], [0; 16]);
    (environment.random)(&mut first);
    (environment.random)(&mut second);
    assert_ne!(first, second);
    let before = (environment.monotonic)();
    host.advance(PERIOD);
    assert_eq!((environment.monotonic)() - before, PERIOD);
    (environment.log)("said");
    assert_eq!(host.console_lines(), ["said"]);
}
