//! Commands of the host: none is run. Those that set what the kernel has too, by `sysctl` of Linux or FreeBSD, by Linux's
//! files or by the script of its suites that writes them, set it there.

use super::Runner;
use rump_kpi::AddressFamily;

/// What names of other systems begin with whose counterparts are in [`NAMES`].
const PREFIXES: [&str; 2] = ["net.ipv4.tcp_", "net.inet.tcp."];
/// What an assignment to one of Linux's files begins with.
const FILES: &str = "/proc/sys/";

/// How another system's number becomes ours.
#[derive(Clone, Copy)]
enum Unit {
    /// The same.
    Same,
    /// Seconds, which are milliseconds here.
    Seconds,
    /// Half of what it is here.
    Half,
    /// Whether it is zero: zero becomes zero, all else this.
    Or(i64),
    /// The name of an algorithm.
    Congestion,
}

/// Another system's name behind one of [`PREFIXES`], what it is here behind `net.inet.tcp.`, and how numbers compare.
const NAMES: &[(&str, &str, Unit)] = &[
    ("ecn", "ecn.enable", Unit::Same),
    ("sack", "sack.enable", Unit::Or(1)),
    ("timestamps", "timestamps", Unit::Or(1)),
    ("window_scaling", "win_scale", Unit::Or(1)),
    ("rfc1323", "timestamps", Unit::Or(1)),
    ("rfc1323", "win_scale", Unit::Or(1)),
    ("early_retrans", "tlp.enable", Unit::Or(1)),
    ("moderate_rcvbuf", "recvbuf_auto", Unit::Or(1)),
    ("keepalive_time", "keepidle", Unit::Seconds),
    ("keepalive_intvl", "keepintvl", Unit::Seconds),
    ("keepalive_probes", "keepcnt", Unit::Same),
    ("fin_timeout", "finwait2_timeout", Unit::Seconds),
    ("msl", "time_wait_timeout", Unit::Half),
    ("delayed_ack", "delacktime", Unit::Or(40)),
    ("initcwnd_segments", "init_win", Unit::Same),
    ("congestion_control", "congctl.selected", Unit::Congestion),
    ("cc.algorithm", "congctl.selected", Unit::Congestion),
];

/// Linux's three sizes of a buffer, the least, the usual and the largest, and what the last two are here.
const BUFFERS: &[(&str, [&str; 2])] =
    &[("rmem", ["recvspace", "recvbuf_max"]), ("wmem", ["sendspace", "sendbuf_max"])];

impl Unit {
    fn ours(self, value: &str) -> Option<i64> {
        let number = || value.parse::<i64>().ok();
        match self {
            Self::Same => number(),
            Self::Seconds => number()?.checked_mul(1000),
            Self::Half => number()?.checked_mul(2),
            Self::Or(ours) => number().map(|number| if number == 0 { 0 } else { ours }),
            Self::Congestion => match value {
                "newreno" | "reno" => Some(0),
                "cubic" => Some(1),
                _ => None,
            },
        }
    }
}

/// What an assignment of another system is here: names and values. `None`: nothing.
fn settings_of(name: &str, value: &str) -> Option<Vec<(String, i64)>> {
    let rest = PREFIXES.iter().find_map(|prefix| name.strip_prefix(prefix))?;
    let ours = |name: &str| format!("net.inet.tcp.{name}");
    if let Some((_, names)) = BUFFERS.iter().find(|(known, _)| *known == rest) {
        let sizes: Vec<i64> =
            value.split_whitespace().map(|size| size.parse().ok()).collect::<Option<_>>()?;
        let [_, usual, largest] = sizes[..] else { return None };
        return Some(vec![(ours(names[0]), usual), (ours(names[1]), largest)]);
    }
    let known: Vec<_> = NAMES.iter().filter(|(known, ..)| *known == rest).collect();
    if known.is_empty() {
        // What has the same name here has the same units.
        return value.parse().ok().map(|number| vec![(ours(rest), number)]);
    }
    known.into_iter().map(|(_, name, unit)| Some((ours(name), unit.ours(value)?))).collect()
}

/// Commands of a text, as words; quotes keep words together.
fn commands(text: &str) -> Vec<Vec<String>> {
    let (mut all, mut words, mut word) = (Vec::new(), Vec::new(), None::<String>);
    let (mut quote, mut is_comment) = (None, false);
    for c in text.chars().chain(['\n']) {
        is_comment = quote.is_none() && c != '\n' && (is_comment || (c == '#' && word.is_none()));
        match (quote, c) {
            _ if is_comment => {}
            (Some(open), c) if c == open => quote = None,
            (None, '"' | '\'') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, ';' | '&' | '\n') => {
                words.extend(word.take());
                if !words.is_empty() {
                    all.push(std::mem::take(&mut words));
                }
            }
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    all
}

/// What a command assigns: names with dots, and values. `None`: it does something else.
fn assignments(words: &[String]) -> Option<Vec<(String, String)>> {
    let (program, rest) = words.split_first()?;
    let program = program.rsplit('/').next().unwrap_or_default();
    match (program, rest) {
        ("sysctl", rest) | ("set_sysctls.py", rest) => rest
            .iter()
            .filter(|word| !word.starts_with('-') && !word.starts_with('>') && *word != "2>")
            .map(|word| {
                let (name, value) = word.split_once('=')?;
                let name = name.strip_prefix(FILES).map_or(name.into(), |path| path.replace('/', "."));
                Some((name, value.into()))
            })
            .collect(),
        ("echo", [value, into, path]) if into == ">" => {
            Some(vec![(path.strip_prefix(FILES)?.replace('/', "."), value.clone())])
        }
        _ => None,
    }
}

impl Runner<'_> {
    /// Does what commands ask of the kernel, and says what is passed over.
    pub(super) fn run_commands(&mut self, line: u32, text: &str) {
        for words in commands(text) {
            let known = assignments(&words).filter(|all| !all.is_empty());
            let is_done = known.is_some_and(|all| all.iter().all(|(name, value)| self.assign(name, value)));
            if !is_done {
                self.notes.extend(super::note_of(line, &words.join(" ")));
            }
        }
    }

    /// Answers whether the kernel has such a setting, and took the value.
    fn assign(&self, name: &str, value: &str) -> bool {
        let family = if self.settings.local().is_ipv6() { AddressFamily::Inet6 } else { AddressFamily::Inet };
        let Ok(domain) = self.kernel.protocols(family) else { return false };
        let Some(network) = domain.network() else { return false };
        let set = |name: &str, value: i64| network.set_setting(name, value).is_ok();
        match (settings_of(name, value), value.parse()) {
            (Some(settings), _) => settings.iter().all(|(name, value)| set(name, *value)),
            (None, Ok(value)) => set(name, value),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assigned(text: &str) -> Vec<(String, i64)> {
        let all = commands(text).iter().filter_map(|words| assignments(words)).flatten().collect::<Vec<_>>();
        all.iter().flat_map(|(name, value)| settings_of(name, value).unwrap_or_default()).collect()
    }

    #[test]
    fn assignments_are_found_in_all_their_forms() {
        let tcp = |name: &str, value| (format!("net.inet.tcp.{name}"), value);
        for (text, expected) in [
            ("sysctl -q net.ipv4.tcp_ecn=1", vec![tcp("ecn.enable", 1)]),
            ("sysctl -w net.inet.tcp.rfc1323=0", vec![tcp("timestamps", 0), tcp("win_scale", 0)]),
            (
                "./defaults.sh\n./set_sysctls.py /proc/sys/net/ipv4/tcp_rmem=\"4096 5000 6000\"",
                vec![tcp("recvspace", 5000), tcp("recvbuf_max", 6000)],
            ),
            ("sysctl -q net.ipv4.tcp_ecn=2 # sysctl\n", vec![tcp("ecn.enable", 2)]),
            ("echo 3 > /proc/sys/net/ipv4/tcp_fin_timeout", vec![tcp("finwait2_timeout", 3000)]),
            ("sysctl net.inet.tcp.msl=30; sysctl net.inet.tcp.sendspace=7", {
                vec![tcp("time_wait_timeout", 60), tcp("sendspace", 7)]
            }),
            ("sysctl net.ipv4.tcp_congestion_control=reno", vec![tcp("congctl.selected", 0)]),
            ("sysctl net.ipv4.tcp_congestion_control=bbr\nrm x; ip link add eth0 mtu=5", vec![]),
        ] {
            assert_eq!(assigned(text), expected, "{text}");
        }
    }
}
