//! Opening taps: who may, and what is said to who may not.

use crate::namespace::Namespace;
use interop::{Check, context};
use rumpkit::hyper::HostError;
use rumpkit::{Errno, tun};
use rustix::thread::{CapabilitySet, capabilities, set_capabilities};

/// Does something as somebody who does not administer networks. The thread ends with it.
fn without_privilege<T: Send>(linux: &Namespace, body: impl FnOnce() -> T + Send) -> Check<T> {
    linux.enter(|| {
        let mut sets = context(capabilities(None), "capabilities")?;
        sets.effective -= CapabilitySet::NET_ADMIN;
        sets.permitted -= CapabilitySet::NET_ADMIN;
        context(set_capabilities(None, sets), "dropping a capability")?;
        Ok(body())
    })
}

fn open(options: &tun::Options) -> Result<(), HostError> {
    tun::open(options).map(drop)
}

fn expect(result: Result<(), HostError>, errno: Errno, words: &[&str]) -> Check {
    match &result {
        Err(error) if error.errno == errno && words.iter().all(|word| error.what.contains(word)) => Ok(()),
        _ => Err(format!("{result:?}, not {errno:?} with {words:?}")),
    }
}

pub fn by_whom_it_is_for() -> Check {
    let linux = Namespace::new()?;
    linux.ip("tuntap add dev mine mode tap user 0")?;
    linux.ip("tuntap add dev other mode tap user 65534")?;
    linux.ip("link set mine mtu 1400")?;
    for options in [tun::Options::tap("mine"), tun::Options::tap("mine").without_offload()] {
        let info = without_privilege(&linux, || tun::open(&options).map(|io| io.info()))?;
        let info = context(info, "a tap for us")?;
        if (info.mtu, &info.name[..]) != (1400, "mine") {
            return Err(format!("{info:?}"));
        }
    }
    let refused = without_privilege(&linux, || open(&tun::Options::tap("other")))?;
    expect(
        refused,
        Errno::EPERM,
        &["other: ", "not for this user", "ip tuntap add dev other mode tap user"],
    )?;
    // It is the administrator's, and outlives who used it.
    linux.ip("link show mine")
}

pub fn what_is_missing() -> Check {
    let linux = Namespace::new()?;
    let refused = without_privilege(&linux, || open(&tun::Options::tun("none")))?;
    expect(refused, Errno::EPERM, &["none: there is no such interface", "CAP_NET_ADMIN", "mode tun"])?;
    linux.ip("link add dummy0 type veth peer name dummy1")?;
    linux.enter(|| {
        let first = context(tun::open(&tun::Options::tap("tap%d")), "a tap of any number")?;
        let name = first.info().name;
        if name != "tap0" {
            return Err(format!("a tap of any number is {name}"));
        }
        expect(open(&tun::Options::tap(&name)), Errno::EBUSY, &["tap0: ", "another program"])?;
        expect(open(&tun::Options::tun(&name)), Errno::EINVAL, &["tap0: ", "no tun interface"])?;
        expect(open(&tun::Options::tap("dummy0")), Errno::EINVAL, &["dummy0: ", "no tap interface"])?;
        for name in ["", "a/b", "sixteen-letters-"] {
            expect(open(&tun::Options::tap(name)), Errno::EINVAL, &[name, "1 to 15 bytes"])?;
        }
        drop(first);
        // It was made for us, and is gone with us.
        context(tun::open(&tun::Options::tun(&name)), "the name again").map(drop)
    })
}
