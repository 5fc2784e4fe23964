//! Opening taps: who may, and what is said to who may not.

use crate::namespace::Namespace;
use interop::image::Scratch;
use interop::rump::binary;
use interop::{Check, context};
use rumpkit::hyper::HostError;
use rumpkit::{Errno, tun};
use rustix::thread::{CapabilitySet, capabilities, set_capabilities};

/// Does something as somebody who neither administers networks nor looks at frames. The thread ends with it.
pub fn without_privilege<T: Send>(linux: &Namespace, body: impl FnOnce() -> T + Send) -> Check<T> {
    linux.enter(|| {
        let mut sets = context(capabilities(None), "capabilities")?;
        let networks = CapabilitySet::NET_ADMIN | CapabilitySet::NET_RAW;
        sets.effective -= networks;
        sets.permitted -= networks;
        context(set_capabilities(None, sets), "dropping a capability")?;
        Ok(body())
    })
}

fn open(options: &tun::Options) -> Result<(), HostError> {
    tun::open(options).map(drop)
}

pub fn expect(result: Result<(), HostError>, errno: Errno, words: &[&str]) -> Check {
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

/// Our command as user 65534 without any capability; of all devices of the host it is given /dev/net/tun alone, which
/// distributions let everybody open.
pub fn as_nobody() -> Check {
    let linux = Namespace::new()?;
    linux.ip("tuntap add dev mine mode tap user 65534")?;
    linux.ip("addr add 192.0.2.1/24 dev mine")?;
    linux.ip("link set mine up")?;
    let scratch = Scratch::new("net-nobody")?;
    let (program, node) = (scratch.path("rump"), scratch.path("tun"));
    context(std::fs::copy(binary()?, &program), "a copy of rump")?;
    let all = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    context(std::fs::set_permissions(scratch.path("."), all), "permissions")?;
    let words = "mknod $0 c 10 200 && chmod 666 $0 && mount --bind $0 /dev/net/tun && \
                 exec setpriv --reuid 65534 --regid 65534 --clear-groups --bounding-set=-all --inh-caps=-all \
                 $1 net ping -c 3 --if tap:$2 --address 192.0.2.2/24 192.0.2.1";
    for (name, is_ours) in [("mine", true), ("other", false)] {
        let (node, program) = (node.display().to_string(), program.display().to_string());
        let _ = std::fs::remove_file(&node);
        let finished = linux.run("unshare", &["--mount", "sh", "-c", words, &node, &program, name])?;
        let printed = String::from_utf8_lossy(&finished.stdout).into_owned();
        if is_ours != (finished.status == Some(0)) || is_ours && !printed.contains("3 received") {
            return Err(format!("{name}: {}\n{printed}", finished.verdict()));
        }
    }
    Ok(())
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
