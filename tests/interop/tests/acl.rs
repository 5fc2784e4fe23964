//! Access control lists: who is granted what, and what becomes of a list, as the host's kernel has it.
//!
//! Lists are made at random from a seed and set on files of a loop mount. The kernel then says what each of some
//! users may do with each file (`test -r` and the like, which ask access(2)), and so do we: of the same image, and of
//! a tmpfs with the same files. There is one known difference, which the lists made here avoid: where the mask is
//! empty, Linux does not look at the list but at the mode, and so gives a named user what the others have; acl(5) and
//! POSIX.1e deny.
#![forbid(unsafe_code)]

use interop::image::Image;
use interop::mount::Mounted;
use interop::program::{lacks, run_ok};
use interop::suite::{Suite, lacks_kernel};
use interop::{Check, context};
use rump_host_sim::SimHost;
use rumpkit::image::{Address, LockPolicy};
use rumpkit::kpi::acl::{ACCESS, Acl, DEFAULT};
use rumpkit::{Credentials, Mode, OpenFlags, PosixHost, Process, XattrFlags};
use rustix::fs::XattrFlags as HostFlags;
use rustix::io::Errno as HostErrno;
use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::Path;

const FILES: usize = 400;
const IDS: [u32; 4] = [2001, 2002, 2003, 2004];

/// A user, the group, and further groups.
const SUBJECTS: &[(u32, u32, &[u32])] = &[
    (2001, 2001, &[]),
    (2002, 2002, &[]),
    (2003, 2001, &[]),
    (2004, 2004, &[2001, 2002]),
    (2001, 2003, &[2002, 2004]),
    (2005, 2005, &[2001, 2002, 2003, 2004]),
    (2005, 2002, &[]),
    (2005, 2005, &[]),
];

fn main() {
    let lacking = lacks_kernel().or_else(|| lacks(&["setpriv", "sh"]));
    let mut suite = Suite::default();
    suite.add("lists_grant_what_the_kernel_grants", lacking, lists_grant_what_the_kernel_grants);
    suite.add(
        "lists_become_what_the_kernel_makes_of_them",
        lacking,
        lists_become_what_the_kernel_makes_of_them,
    );
    suite.add(
        "malformed_lists_are_refused_as_by_the_kernel",
        lacking,
        malformed_lists_are_refused_as_by_the_kernel,
    );
    suite.run();
}

struct Random(u64);

impl Random {
    fn below(&mut self, limit: u32) -> u32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as u32 % limit
    }

    fn id(&mut self) -> u32 {
        IDS[self.below(4) as usize]
    }

    /// A list, every fifth without names and mask.
    fn list(&mut self) -> Acl {
        let mut list = Acl::of_mode(self.below(0o1000));
        if self.below(5) == 0 {
            return list;
        }
        let mut ids = IDS.to_vec();
        for _ in 0..self.below(3) {
            list = list.with_user(ids.swap_remove(self.below(ids.len() as u32) as usize), self.below(8));
        }
        let mut ids = IDS.to_vec();
        for _ in 0..self.below(4) {
            list = list.with_group(ids.swap_remove(self.below(ids.len() as u32) as usize), self.below(8));
        }
        list.with_mask(self.below(7) + 1)
    }
}

/// A file with owner, group and list.
struct Case {
    name: String,
    uid: u32,
    gid: u32,
    list: Acl,
}

fn cases() -> Vec<Case> {
    let mut random = Random(7);
    let case = |n| Case { name: format!("f{n:03}"), uid: random.id(), gid: random.id(), list: random.list() };
    (0..FILES).map(case).collect()
}

/// What each subject may do, by file: bits 4, 2 and 1.
type Grants = Vec<BTreeMap<String, u32>>;

fn host_path(folder: &Path, name: &str) -> String {
    folder.join(name).to_string_lossy().into_owned()
}

fn name_of(attribute: &[u8]) -> &str {
    std::str::from_utf8(attribute).unwrap_or_default()
}

fn text<E: std::fmt::Display>(error: E) -> String {
    error.to_string()
}

fn make_on_host(folder: &Path, cases: &[Case]) -> Check {
    for case in cases {
        let path = folder.join(&case.name);
        context(fs::write(&path, b"x"), path.display())?;
        context(chown(&path, Some(case.uid), Some(case.gid)), path.display())?;
        let set = rustix::fs::setxattr(&path, name_of(ACCESS), &case.list.emit(), HostFlags::empty());
        context(set, path.display())?;
    }
    Ok(())
}

fn grants_of_host(folder: &Path) -> Check<Grants> {
    const SCRIPT: &str = "cd \"$0\" && for f in f*; do n=0; [ -r $f ] && n=$((n+4)); [ -w $f ] && n=$((n+2)); \
                          [ -x $f ] && n=$((n+1)); echo $f $n; done";
    let ask = |&(uid, gid, groups): &(u32, u32, &[u32])| {
        let groups: Vec<String> = groups.iter().map(u32::to_string).collect();
        let groups = if groups.is_empty() {
            "--clear-groups".into()
        } else {
            format!("--groups={}", groups.join(","))
        };
        let (uid, gid) = (format!("--reuid={uid}"), format!("--regid={gid}"));
        let folder = folder.to_string_lossy();
        let arguments = [&*uid, &*gid, &*groups, "sh", "-c", SCRIPT, &*folder];
        let answer = run_ok("setpriv", &arguments)?;
        let line = |line: &str| {
            let (name, bits) = line.split_once(' ')?;
            Some((name.to_string(), bits.parse().ok()?))
        };
        answer.lines().map(|text| line(text).ok_or_else(|| format!("`{text}`"))).collect()
    };
    SUBJECTS.iter().map(ask).collect()
}

/// A kernel of ours with the files in `/`.
fn make_on_tmpfs(cases: &[Case]) -> Check<Process> {
    let process = tmpfs()?;
    for case in cases {
        let made = process
            .open(&case.name, OpenFlags::CREAT, Mode::new(0o600))
            .and_then(|fd| process.close(fd))
            .and_then(|()| process.chown(&case.name, Some(case.uid), Some(case.gid)))
            .and_then(|()| process.setxattr(&case.name, ACCESS, case.list.emit(), XattrFlags::empty()));
        context(made, &case.name)?;
    }
    Ok(process)
}

fn tmpfs() -> Check<Process> {
    Ok(rumpkit::kernel(SimHost::new(1)).map_err(text)?.process())
}

fn grants_of_ours(process: &Process, cases: &[Case]) -> Grants {
    let ask = |&(uid, gid, groups): &(u32, u32, &[u32])| {
        let user = process.fork();
        user.set_credentials(Credentials { uid, gid, groups: groups.to_vec() });
        let bits =
            |case: &Case| [4, 2, 1].into_iter().filter(|&bit| user.access(&case.name, bit).is_ok()).sum();
        cases.iter().map(|case| (case.name.clone(), bits(case))).collect()
    };
    SUBJECTS.iter().map(ask).collect()
}

/// Names every difference; `seen` are the bits that can be granted at all.
fn compare(what: &str, cases: &[Case], host: &Grants, ours: &Grants, seen: u32) -> Check {
    let mut wrong = Vec::new();
    for (subject, (host, ours)) in SUBJECTS.iter().zip(host.iter().zip(ours)) {
        for case in cases {
            let (theirs, mine) =
                (host.get(&case.name).map(|bits| bits & seen), ours.get(&case.name).copied());
            if theirs != mine {
                let Case { uid, gid, list, .. } = case;
                wrong.push(format!(
                    "{subject:?} of a file of {uid}:{gid} with {list:?}: kernel {theirs:?}, {mine:?}"
                ));
            }
        }
    }
    if wrong.is_empty() {
        return Ok(());
    }
    Err(format!(
        "{what}: {} of {} differ:\n{}",
        wrong.len(),
        SUBJECTS.len() * FILES,
        wrong[..wrong.len().min(9)].join("\n")
    ))
}

fn lists_grant_what_the_kernel_grants() -> Check {
    let cases = cases();
    let image = Image::make("acl", 32, &["-t", "ext4", "-N", "2048"], None)?;
    let mounted = Mounted::read_write(&image.path(), "acl")?;
    make_on_host(mounted.path(), &cases)?;
    let host = grants_of_host(mounted.path())?;
    mounted.unmount()?;
    let granted: usize = host.iter().flat_map(BTreeMap::values).filter(|bits| **bits != 0).count();
    let all = FILES * SUBJECTS.len();
    if granted < all / 4 || granted > all - all / 10 {
        return Err(format!("{granted} of {all} are granted anything: the lists say too little"));
    }
    compare("tmpfs", &cases, &host, &grants_of_ours(&make_on_tmpfs(&cases)?, &cases), 7)?;
    let posix = PosixHost::new();
    let address = Address::parse(&*posix, image.path().to_string_lossy().as_bytes());
    let opened = rumpkit::image::Image::open(posix, &address, LockPolicy::Lock).map_err(text)?;
    // It is mounted for reading only: nobody may write.
    compare("ext4", &cases, &host, &grants_of_ours(opened.process(), &cases), 5)
}

/// Mode and both lists of a file.
type State = (u32, Option<Vec<u8>>, Option<Vec<u8>>);

/// The same calls on a folder of the host and on a kernel of ours.
struct Twins {
    mounted: Mounted,
    ours: Process,
    _image: Image,
}

impl Twins {
    fn new() -> Check<Self> {
        let image = Image::make("acl-twin", 32, &["-t", "ext4", "-N", "8192"], None)?;
        let mounted = Mounted::read_write(&image.path(), "acl")?;
        Ok(Self { mounted, ours: tmpfs()?, _image: image })
    }

    fn host(&self, name: &str) -> String {
        host_path(self.mounted.path(), name)
    }

    fn set(&self, name: &str, attribute: &[u8], list: &Acl) -> Check {
        let host =
            rustix::fs::setxattr(self.host(name), name_of(attribute), &list.emit(), HostFlags::empty());
        context(host, name)?;
        context(self.ours.setxattr(name, attribute, list.emit(), XattrFlags::empty()), name)
    }

    fn chmod(&self, name: &str, bits: u32) -> Check {
        context(fs::set_permissions(self.host(name), Permissions::from_mode(bits)), name)?;
        context(self.ours.chmod(name, Mode::new(bits)), name)
    }

    fn make_file(&self, name: &str, bits: u32) -> Check {
        use rustix::fs::{Mode as HostMode, OFlags, open};
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::RDWR;
        context(open(self.host(name), flags, HostMode::from_raw_mode(bits)), name)?;
        let fd = self.ours.open(name, OpenFlags::CREAT | OpenFlags::EXCL, Mode::new(bits));
        context(fd.and_then(|fd| self.ours.close(fd)), name)
    }

    fn make_dir(&self, name: &str, bits: u32) -> Check {
        context(rustix::fs::mkdir(self.host(name), rustix::fs::Mode::from_raw_mode(bits)), name)?;
        context(self.ours.mkdir(name, Mode::new(bits)), name)
    }

    fn state_of_host(&self, name: &str) -> Check<State> {
        let list = |attribute: &[u8]| {
            let mut value = vec![0; 4096];
            match rustix::fs::getxattr(self.host(name), name_of(attribute), &mut value[..]) {
                Ok(length) => Ok(Some(value[..length].to_vec())),
                Err(HostErrno::NODATA) => Ok(None),
                Err(error) => Err(format!("{name}: {error}")),
            }
        };
        let mode = context(fs::metadata(self.host(name)), name)?.mode() & 0o7777;
        Ok((mode, list(ACCESS)?, list(DEFAULT)?))
    }

    fn state_of_ours(&self, name: &str) -> Check<State> {
        let list = |attribute: &[u8]| match self.ours.getxattr(name, attribute) {
            Ok(value) => Ok(Some(value)),
            Err(error) if error.errno == rumpkit::Errno::ENOATTR => Ok(None),
            Err(error) => Err(format!("{name}: {error}")),
        };
        Ok((context(self.ours.stat(name), name)?.mode.bits(), list(ACCESS)?, list(DEFAULT)?))
    }

    fn agree(&self, name: &str, after: &str) -> Check {
        let (host, ours) = (self.state_of_host(name)?, self.state_of_ours(name)?);
        if host == ours {
            return Ok(());
        }
        let shown = |(mode, access, default): &State| {
            let list = |value: &Option<Vec<u8>>| value.as_deref().map(Acl::parse);
            format!("{mode:o} {:?} {:?}", list(access), list(default))
        };
        Err(format!("{name} after {after}:\n  kernel {}\n  ours   {}", shown(&host), shown(&ours)))
    }
}

fn lists_become_what_the_kernel_makes_of_them() -> Check {
    let twins = Twins::new()?;
    let umask = rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o027));
    twins.ours.umask(Mode::new(0o027));
    let result = churn(&twins);
    rustix::process::umask(umask);
    result
}

fn churn(twins: &Twins) -> Check {
    let mut random = Random(11);
    for turn in 0..300 {
        let (dir, file) = (format!("d{turn}"), format!("g{turn}"));
        twins.make_file(&file, random.below(0o1000))?;
        twins.agree(&file, "creation")?;
        twins.set(&file, ACCESS, &random.list())?;
        twins.agree(&file, "setting a list")?;
        twins.chmod(&file, random.below(0o10000))?;
        twins.agree(&file, "a change of mode")?;
        twins.set(&file, ACCESS, &random.list())?;
        twins.agree(&file, "setting another list")?;
        twins.make_dir(&dir, 0o777)?;
        twins.set(&dir, DEFAULT, &random.list())?;
        twins.agree(&dir, "setting a default list")?;
        let (inner, deep, of_deep) = (format!("{dir}/f"), format!("{dir}/d"), format!("{dir}/d/f"));
        twins.make_file(&inner, random.below(0o1000))?;
        twins.make_dir(&deep, random.below(0o1000))?;
        twins.make_file(&of_deep, random.below(0o1000))?;
        for name in [&inner, &deep, &of_deep] {
            twins.agree(name, "inheriting")?;
        }
    }
    Ok(())
}

fn malformed_lists_are_refused_as_by_the_kernel() -> Check {
    let twins = Twins::new()?;
    twins.make_file("f", 0o644)?;
    twins.make_dir("d", 0o755)?;
    let good = Acl::of_mode(0o640).with_user(2001, 6).with_group(2002, 4).emit();
    let mut values = vec![Vec::new(), good[..4].to_vec(), good.clone()];
    for place in 0..good.len() {
        values.push(good[..place].to_vec());
        for flip in [1, 2, 8, 0x80] {
            let mut value = good.clone();
            value[place] ^= flip;
            values.push(value);
        }
    }
    for entry in (4..good.len()).step_by(8) {
        let mut value = good.clone();
        value.drain(entry..entry + 8);
        values.push(value.clone());
        value.splice(4..4, good[entry..entry + 8].iter().copied());
        values.push(value);
    }
    for value in &values {
        for (name, attribute) in [("f", ACCESS), ("f", DEFAULT), ("d", DEFAULT), ("d", ACCESS)] {
            // Of two faults at once, either may be told.
            if (name, attribute) == ("f", DEFAULT) && !value.is_empty() && *value != good {
                continue;
            }
            let host = rustix::fs::setxattr(twins.host(name), name_of(attribute), value, HostFlags::empty());
            let ours = twins.ours.setxattr(name, attribute, value, XattrFlags::empty());
            let host = host.err().map(|error| match error {
                HostErrno::INVAL => "EINVAL".into(),
                HostErrno::NOTSUP => "ENOTSUP".into(),
                HostErrno::ACCESS => "EACCES".into(),
                other => other.to_string(),
            });
            let ours = ours.err().map(|error| error.errno.name().to_string());
            if host != ours {
                return Err(format!(
                    "{} of {name} as {value:?}: kernel {host:?}, ours {ours:?}",
                    name_of(attribute)
                ));
            }
        }
        for name in ["f", "d"] {
            twins.agree(name, &format!("setting {value:?}"))?;
        }
    }
    Ok(())
}
