//! Leases of dnsmasq, and name servers that radvd tells of, in real time.

use crate::namespace::Namespace;
use interop::image::Scratch;
use interop::{Check, context};
use rumpkit::hyper::Hypervisor;
use rumpkit::kpi::device::AddressState;
use rumpkit::net::dhcp::{self, Check as Asking, Client, Lease, Options, Phase, Told};
use rumpkit::net::{Gateway, Interface, Netconfig, routes};
use rumpkit::virtif::VirtIf;
use rumpkit::{Kernel, Mode, OpenFlags, PosixHost, tun};
use std::net::{IpAddr, Ipv4Addr};
use std::process::Child;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(60);
const SERVER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const ROUTER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 254);

/// A program that runs until this is dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A kernel at a tap, and Linux with a server at its other end.
struct Site {
    kernel: Kernel,
    interface: Interface,
    far: Far,
}

/// That end: Linux, and the files of its server.
struct Far {
    scratch: Scratch,
    linux: Namespace,
}

impl Site {
    fn new() -> Check<Self> {
        let far = Far::new()?;
        let options = tun::Options::tap("tap0").without_offload();
        let io = far.linux.enter(|| tun::open(&options).map_err(|error| error.what))?;
        far.settle()?;
        let host: Arc<dyn Hypervisor> = PosixHost::new();
        let kernel = context(rumpkit::kernel(host.clone()), "boot")?;
        let interface = context(Interface::attach(&kernel, "virt0", VirtIf::new(host, io)), "attach")?;
        context(interface.up(), "up")?;
        Ok(Self { kernel, interface, far })
    }

    fn client(&self, options: Options) -> Check<Client> {
        context(Client::start(&self.kernel, &self.interface, options), "the client")
    }

    fn lease(&self, client: &Client) -> Check<Lease> {
        context(client.wait(PATIENCE), "a lease").map_err(|why| format!("{why}\n{}", self.far.log()))
    }

    fn resolv_conf(&self) -> Option<String> {
        let process = self.kernel.process();
        let fd = process.open("/etc/resolv.conf", OpenFlags::empty(), Mode::new(0)).ok()?;
        let mut bytes = [0; 2000];
        let length = process.read(fd, &mut bytes).ok()?;
        let text = String::from_utf8_lossy(&bytes[..length]).into_owned();
        Some(text.lines().filter(|line| !line.starts_with('#')).collect::<Vec<_>>().join("\n"))
    }
}

impl Far {
    fn new() -> Check<Self> {
        Ok(Self { scratch: Scratch::in_memory("leases")?, linux: Namespace::new()? })
    }

    /// Gives Linux its address at the tap, which is there.
    fn settle(&self) -> Check {
        self.linux.ip(&format!("addr add {SERVER}/24 dev tap0"))?;
        self.linux.ip("link set tap0 up")
    }

    fn path(&self, name: &str) -> String {
        self.scratch.path(name).to_string_lossy().into_owned()
    }

    /// dnsmasq with leases of two minutes, which are renewed after three seconds.
    fn serve(&self, options: &[&str]) -> Check<Running> {
        self.serve_from(100, options)
    }

    /// The same, with fifty addresses from this one on.
    fn serve_from(&self, first: u8, options: &[&str]) -> Check<Running> {
        let range = format!("--dhcp-range=192.0.2.{first},192.0.2.{},255.255.255.0,2m", first + 50);
        let files = [("leases", "--dhcp-leasefile"), ("pid", "--pid-file"), ("log", "--log-facility")];
        let files: Vec<String> =
            files.iter().map(|(name, option)| format!("{option}={}", self.path(name))).collect();
        let mut words = vec![
            "--keep-in-foreground",
            "--conf-file=/dev/null",
            "--port=0",
            "--interface=tap0",
            "--bind-interfaces",
            "--no-ping",
            "--log-dhcp",
            "--dhcp-authoritative",
            &range,
            "--dhcp-option=58,3",
            "--dhcp-option=59,6",
        ];
        words.extend(files.iter().map(String::as_str));
        words.extend(options);
        self.linux.spawn("dnsmasq", &words).map(Running)
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.scratch.path("log")).unwrap_or_default()
    }

    /// What the server heard and said of this kind so often.
    fn wait_for_log(&self, kind: &str, count: usize) -> Check {
        until(&format!("{count} {kind}"), || (self.log().matches(kind).count() >= count).then_some(()))
            .map_err(|why| format!("{why}\n{}", self.log()))
    }
}

fn until<T>(what: &str, look: impl Fn() -> Option<T>) -> Check<T> {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return Ok(found);
        }
        if Instant::now() > end {
            return Err(format!("{what}: not within {PATIENCE:?}"));
        }
        thread::sleep(Duration::from_millis(20));
    }
}

fn ensure(is_so: bool, what: impl std::fmt::Debug) -> Check {
    if is_so { Ok(()) } else { Err(format!("{what:?}")) }
}

/// A lease with all that goes with it, renewed twice, and given back.
pub fn renewed() -> Check {
    let site = Site::new()?;
    let router = format!("--dhcp-option=3,{ROUTER}");
    let _server = site.far.serve(&[
        &router,
        "--dhcp-option=6,192.0.2.53,9.9.9.9",
        "--domain=example.org",
        "--dhcp-option=119,a.example.org,b.example.org",
        "--dhcp-option=26,1400",
        "--dhcp-option=121,0.0.0.0/0,192.0.2.254,198.51.100.0/24,192.0.2.253",
    ])?;
    let client = site.client(Options { host_name: Some("seven".into()), ..Options::default() })?;
    let lease = site.lease(&client)?;
    let range = Ipv4Addr::new(192, 0, 2, 100)..=Ipv4Addr::new(192, 0, 2, 150);
    ensure(range.contains(&lease.address) && lease.server == SERVER, &lease)?;
    // Linux is answered at the address, and by it.
    site.far.linux.run_ok("ping", &["-n", "-c", "1", "-W", "5", &lease.address.to_string()])?;
    let all = context(routes(&site.kernel), "routes")?;
    let has = |length, router: Ipv4Addr| {
        all.iter().any(|route| route.length == length && route.gateway == Gateway::Router(router.into()))
    };
    ensure(has(0, ROUTER) && has(24, Ipv4Addr::new(192, 0, 2, 253)), &all)?;
    let expected = "search a.example.org b.example.org\nnameserver 192.0.2.53\nnameserver 9.9.9.9";
    ensure(site.resolv_conf().as_deref() == Some(expected), site.resolv_conf())?;
    ensure(context(site.interface.info(), "info")?.device.mtu == 1400, "the MTU")?;
    // What the server notes: a request at first, and two renewals.
    site.far.wait_for_log("DHCPACK(tap0)", 3)?;
    let log = site.far.log();
    ensure(log.matches("DHCPDISCOVER(tap0)").count() == 1 && log.contains("seven"), log)?;
    let neighbours = site.far.linux.run_ok("ip", &["neigh"])?;
    ensure(neighbours.contains(&lease.address.to_string()), neighbours)?;
    client.release();
    site.far.wait_for_log("DHCPRELEASE(tap0)", 1)?;
    let left = context(site.interface.addresses(), "addresses")?;
    ensure(left.iter().all(|own| own.address.is_ipv6()), left)?;
    ensure(site.resolv_conf().as_deref() == Some(""), site.resolv_conf())
}

/// An address that Linux has itself is declined, and another one is got.
pub fn declined() -> Check {
    let site = Site::new()?;
    let _server = site.far.serve(&[])?;
    let taken = Ipv4Addr::new(192, 0, 2, 100);
    site.far.linux.ip(&format!("addr add {taken}/32 dev tap0"))?;
    let told = Arc::new(Mutex::new(Vec::new()));
    let noted = told.clone();
    let observer: dhcp::Observer = Arc::new(move |what: &Told| noted.lock().unwrap().push(*what));
    // The server has it to give.
    let options = Options { remembered: Some(taken), observer: Some(observer), ..Options::default() };
    let client = site.client(options)?;
    let lease = site.lease(&client)?;
    let told = told.lock().unwrap().clone();
    ensure(told.contains(&Told::Conflict(taken)) && lease.address != taken, &told)?;
    site.far.wait_for_log("DHCPDECLINE(tap0)", 1)
}

/// What our command says of a lease that is in a file.
struct Commands {
    far: Far,
    program: String,
}

impl Commands {
    /// Runs it to its first lease; answers that address, and all that it printed.
    fn run(&self, words: &[&str]) -> Check<(Ipv4Addr, String)> {
        let finished =
            self.far.linux.run(&self.program, &[&["net", "dhcp", "--once", "--noarp"], words].concat())?;
        let printed = [&finished.stdout[..], finished.stderr.as_bytes()].concat();
        let printed = String::from_utf8_lossy(&printed).into_owned();
        let address = printed.lines().find_map(|line| line.strip_prefix("bound to ")?.parse().ok());
        match address.filter(|_| finished.status == Some(0)) {
            Some(address) => Ok((address, printed)),
            None => Err(format!("{printed}\n{}", self.far.log())),
        }
    }
}

/// What our command had it has again after a restart, with a server and without; what is refused or somebody else's is not.
pub fn kept() -> Check {
    let commands = Commands { far: Far::new()?, program: interop::rump::binary()?.display().to_string() };
    let (far, lease, file) = (&commands.far, commands.far.path("kept"), commands.far.path("net.toml"));
    far.linux.ip("tuntap add dev tap0 mode tap")?;
    far.settle()?;
    let interface = "[[interface]]\nname = \"if0\"\nlink = \"tap:tap0\"\nmac = \"02:00:00:00:00:07\"";
    let config = format!("{interface}\ndhcp = true\nlease = \"{lease}\"\n");
    context(std::fs::write(&file, config), "the configuration")?;
    let by_words = |mac| commands.run(&["--if", "tap:tap0", "--mac", mac, "--lease", &lease]);
    let server = far.serve(&[])?;
    let (address, printed) = by_words("02:00:00:00:00:07")?;
    ensure(printed.contains("DISCOVER") && !printed.contains("ignored"), &printed)?;
    let (again, printed) = commands.run(&["--config", &file])?;
    ensure(again == address && !printed.contains("DISCOVER"), &printed)?;
    let log = far.log();
    let counts = ["DHCPDISCOVER(tap0)", "DHCPACK(tap0)"].map(|kind| log.matches(kind).count());
    ensure(counts == [1, 2], &log)?;
    drop(server);
    let (again, printed) = commands.run(&["--config", &file])?;
    ensure(again == address && printed.contains("nobody answers; the lease of"), &printed)?;
    // A server that knows nothing of it, and has others to give.
    context(std::fs::remove_file(far.scratch.path("leases")), "the leases")?;
    let _server = far.serve_from(10, &[])?;
    far.wait_for_log("IP range 192.0.2.10 ", 1)?;
    let (other, printed) = commands.run(&["--config", &file])?;
    ensure(other != address && printed.contains("DHCPNAK"), &printed)?;
    far.wait_for_log("DHCPNAK(tap0)", 1)?;
    let text = context(std::fs::read_to_string(&lease), "the lease")?;
    ensure(text.contains(&format!("\naddress {other}\n")), &text)?;
    let (_, printed) = by_words("02:00:00:00:00:08")?;
    ensure(printed.contains("the lease is ignored: it is of the interface with 02:00:00:00:00:07"), &printed)
}

/// A server that begins anew refuses what is not its own, and a server that is gone is replaced.
pub fn refused() -> Check {
    let site = Site::new()?;
    let server = site.far.serve(&[])?;
    let options = || Options { check: Asking::Trust, ..Options::default() };
    let client = site.client(options())?;
    let first = site.lease(&client)?;
    drop(server);
    until("renewing", || (client.phase() == Phase::Renewing).then_some(()))?;
    // Another server, with other addresses, hears the question that goes to all.
    std::fs::remove_file(site.far.scratch.path("leases")).map_err(|error| error.to_string())?;
    let _server =
        site.far.serve(&["--dhcp-range=192.0.2.10,192.0.2.20,255.255.255.0,2m", "--dhcp-ignore-names"])?;
    site.far.wait_for_log("DHCPACK(tap0)", 2)?;
    let second = site.lease(&client)?;
    ensure(second.server == SERVER && first.server == SERVER, &second)?;
    drop(client);
    // An address of somewhere else is refused, and then there is one that suits.
    let remembered = Some(Ipv4Addr::new(10, 9, 9, 9));
    let client = site.client(Options { remembered, ..options() })?;
    let lease = site.lease(&client)?;
    site.far.wait_for_log("DHCPNAK(tap0)", 1)?;
    ensure(lease.address.octets()[..3] == [192, 0, 2], &lease)?;
    drop(client);
    // The calls of NetBSD's rump kernels, and asking for information alone.
    let net = Netconfig::new(&site.kernel);
    context(net.dhcp_ipv4_oneshot("virt0"), "dhcp_ipv4_oneshot")?;
    let all = context(site.interface.addresses(), "addresses")?;
    let has = all.iter().any(|own| own.address.is_ipv4() && own.state == AddressState::Preferred);
    ensure(has, &all)?;
    let told = dhcp::inform(&site.kernel, &site.interface, Options::default(), PATIENCE);
    ensure(context(told, "inform")?.prefix_length == Some(24), "a mask")
}

const ADVERTISED: &str = "interface tap0 {
    AdvSendAdvert on; MinRtrAdvInterval 3; MaxRtrAdvInterval 4; AdvDefaultLifetime 30;
    prefix 2001:db8:1::/64 { AdvOnLink on; AdvAutonomous on; };
    RDNSS 2001:db8:1::53 fe80::53 { AdvRDNSSLifetime 6; };
    DNSSL v6.example.org { AdvDNSSLLifetime 6; };
};";

/// Name servers of routers and of leases are in one file, as long as each lasts.
pub fn advertised() -> Check {
    let site = Site::new()?;
    site.far.linux.run_ok("sh", &["-c", "echo 1 > /proc/sys/net/ipv6/conf/all/forwarding"])?;
    context(std::fs::write(site.far.scratch.path("radvd.conf"), ADVERTISED), "radvd's configuration")?;
    let names = context(rumpkit::net::resolv_conf::ResolvConf::keep(&site.kernel), "resolv.conf")?;
    let _server = site.far.serve(&["--dhcp-option=6,192.0.2.53", "--domain=example.org"])?;
    let client = site.client(Options { check: Asking::Trust, ..Options::default() })?;
    site.lease(&client)?;
    let (configuration, pid) = (site.far.path("radvd.conf"), site.far.path("radvd.pid"));
    let router = site.far.linux.spawn("radvd", &["-n", "-C", &configuration, "-p", &pid, "-m", "stderr"]);
    let router = router.map(Running)?;
    let both = "search example.org v6.example.org\nnameserver 192.0.2.53\nnameserver 2001:db8:1::53\nnameserver fe80::53%virt0";
    let is = |expected: &str| site.resolv_conf().filter(|text| text == expected).map(drop);
    until("all name servers", || is(both)).map_err(|why| format!("{why}: {:?}", site.resolv_conf()))?;
    // They last as long as the router tells them again.
    thread::sleep(Duration::from_secs(8));
    ensure(is(both).is_some(), site.resolv_conf())?;
    // Killed, it cannot say that it ends.
    drop(router);
    until("their end", || is("search example.org\nnameserver 192.0.2.53"))
        .map_err(|why| format!("{why}: {:?}", site.resolv_conf()))?;
    let own = context(site.interface.addresses(), "addresses")?;
    let is_made = |address: &IpAddr| matches!(address, IpAddr::V6(v6) if v6.segments()[0] == 0x2001);
    ensure(own.iter().any(|own| is_made(&own.address)), own)?;
    client.release();
    until("nothing", || is(""))?;
    drop(names);
    Ok(())
}
