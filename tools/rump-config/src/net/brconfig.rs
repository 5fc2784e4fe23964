//! `rump.brconfig`, as brconfig(8) of NetBSD.

use super::monitor::hardware;
use super::target::hardware as parse_hardware;
use super::{links, network};
use crate::session::{Failure, Session, of};
use crate::tool::Run;
use rump_cli::escape::escaped;
use rump_client::abi::netbsd::bridge::*;
use rump_client::kpi::KResult;
use rump_client::kpi::device::InterfaceInfo;
use rump_client::network::{BridgeMember, RemoteNetwork};
use serde_json::json;
use std::io::Write;

/// Arguments of `rump.brconfig`.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  rump.ifconfig bridge0 create
  rump.brconfig bridge0 add shmif0 add shmif1 up
  rump.brconfig bridge0 stp shmif0 stp shmif1
  rump.brconfig bridge0 static shmif0 2:0:0:0:0:9
  rump.brconfig bridge0 addr
  rump.brconfig -a
Words: add IF, delete IF, discover IF, -discover IF, learn IF, -learn IF, stp IF, -stp IF, ifpriority IF N, ifpathcost IF N,
static IF ADDRESS, deladdr ADDRESS, flush, flushall, maxaddr N, timeout SECONDS, priority N, hellotime SECONDS,
fwddelay SECONDS, maxage SECONDS, up, down, addr.
Records of --json: bridge, up, priority, hello_time_s, forward_delay_s, max_age_s, most_addresses, timeout_s, members, addresses.")]
pub struct Args {
    /// All bridges
    #[arg(short = 'a')]
    all: bool,
    /// Print a JSON record per line
    #[arg(long, visible_alias = "jsonl")]
    json: bool,
    /// The bridge
    bridge: Option<String>,
    /// What becomes of it
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    words: Vec<String>,
}

impl Run for Args {
    fn run(&self, session: &mut Session, out: &mut dyn Write) -> Result<(), Failure> {
        let Some(bridge) = &self.bridge else {
            if !self.all {
                return Err(Failure::Usage("no bridge; -a shows all".into()));
            }
            let network = network(session)?;
            // Who is no bridge has no members.
            let is_one = |info: &InterfaceInfo| network.bridge_members(&info.name).is_ok();
            return links(&network)?
                .iter()
                .filter(|info| is_one(info))
                .try_for_each(|info| self.show(&network, info, out));
        };
        let steps = parse(&self.words).map_err(Failure::Usage)?;
        let network = network(session)?;
        if steps.is_empty() {
            let links = links(&network)?;
            let info = links.iter().find(|info| info.name == *bridge);
            let info = info.ok_or_else(|| Failure::Other(format!("{bridge}: there is no such interface")))?;
            return self.show(&network, info, out);
        }
        steps.iter().try_for_each(|step| self.apply(&network, bridge, step, out))
    }
}

/// One step.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    /// A command about a member, with a number.
    Member(u64, String, u8),
    /// Flags of a member that are set, or taken away.
    Flags(String, u32, bool),
    /// A command with a number.
    Number(u64, u32),
    Static(String, [u8; 6]),
    Forget([u8; 6]),
    Flush(u32),
    Up(bool),
    Addresses,
}

/// Commands with a number, by their words.
const NUMBERS: [(&str, u64); 6] = [
    ("maxaddr", BRDGSCACHE),
    ("timeout", BRDGSTO),
    ("priority", BRDGSPRI),
    ("hellotime", BRDGSHT),
    ("fwddelay", BRDGSFD),
    ("maxage", BRDGSMA),
];
/// Flags of members, by their words.
const FLAGS: [(&str, u32); 3] = [("discover", IFBIF_DISCOVER), ("learn", IFBIF_LEARNING), ("stp", IFBIF_STP)];

/// Errors: in words.
fn parse(words: &[String]) -> Result<Vec<Step>, String> {
    let mut steps = Vec::new();
    let mut words = words.iter().map(String::as_str);
    while let Some(word) = words.next() {
        let mut next = || words.next().ok_or_else(|| format!("{word}: something is missing behind it"));
        let number =
            |text: &str| text.parse::<u32>().map_err(|_| format!("{word}: {text:?} is no such number"));
        let byte =
            |text: &str| text.parse::<u8>().map_err(|_| format!("{word}: {text:?} is no number up to 255"));
        let plain = word.strip_prefix('-').unwrap_or(word);
        let flag = FLAGS.iter().find(|(name, _)| *name == plain);
        let of_bridge = NUMBERS.iter().find(|(name, _)| *name == word);
        steps.push(match (word, flag, of_bridge) {
            (_, Some((_, flag)), _) => Step::Flags(next()?.into(), *flag, plain == word),
            (_, _, Some((_, command))) => Step::Number(*command, number(next()?)?),
            ("add", ..) => Step::Member(BRDGADD, next()?.into(), 0),
            ("delete", ..) => Step::Member(BRDGDEL, next()?.into(), 0),
            ("ifpriority", ..) => Step::Member(BRDGSIFPRIO, next()?.into(), byte(next()?)?),
            ("ifpathcost", ..) => Step::Member(BRDGSIFCOST, next()?.into(), byte(next()?)?),
            ("static", ..) => Step::Static(next()?.into(), parse_hardware(next()?)?),
            ("deladdr", ..) => Step::Forget(parse_hardware(next()?)?),
            ("flush", ..) => Step::Flush(0),
            ("flushall", ..) => Step::Flush(IFBF_FLUSHALL),
            ("up", ..) => Step::Up(true),
            ("down", ..) => Step::Up(false),
            ("addr", ..) => Step::Addresses,
            _ => return Err(format!("{word}: there is no such word")),
        });
    }
    Ok(steps)
}

fn member(name: &str) -> BridgeMember {
    BridgeMember { name: name.into(), flags: 0, state: 0, priority: 0, path_cost: 0, number: 0 }
}

impl Args {
    fn apply(
        &self,
        network: &RemoteNetwork,
        bridge: &str,
        step: &Step,
        out: &mut dyn Write,
    ) -> Result<(), Failure> {
        let (what, done) = match step {
            Step::Member(command, name, number) => {
                let asked = BridgeMember { priority: *number, path_cost: *number, ..member(name) };
                (name.clone(), network.change_member(bridge, *command, &asked))
            }
            Step::Flags(name, flags, is_set) => {
                (name.clone(), set_flags(network, bridge, name, *flags, *is_set))
            }
            Step::Number(command, number) => {
                (number.to_string(), network.set_of_bridge(bridge, *command, *number))
            }
            Step::Static(name, address) => (name.clone(), network.set_bridge_address(bridge, name, *address)),
            Step::Forget(address) => (hardware(address), network.forget_bridge_address(bridge, *address)),
            Step::Flush(flags) => ("flush".into(), network.flush_bridge(bridge, *flags)),
            Step::Up(is_up) => ("up".into(), network.set_up(bridge, *is_up)),
            Step::Addresses => return self.addresses(network, bridge, out),
        };
        done.map_err(of(format!("{bridge}: {what}")))
    }

    fn addresses(&self, network: &RemoteNetwork, bridge: &str, out: &mut dyn Write) -> Result<(), Failure> {
        for one in network.bridge_addresses(bridge).map_err(of(bridge))? {
            let (address, member) = (hardware(&one.address), escaped(one.member.as_bytes()));
            let expires = one.expires.map(|expires| expires.as_secs());
            if self.json {
                let record = json!({"address": address, "member": member, "expires_s": expires});
                writeln!(out, "{record}")?;
                continue;
            }
            let flags = if expires.is_none() { "STATIC" } else { "" };
            writeln!(out, "\t\t{address} {member} {} flags=<{flags}>", expires.unwrap_or(0))?;
        }
        Ok(())
    }

    fn show(
        &self,
        network: &RemoteNetwork,
        info: &InterfaceInfo,
        out: &mut dyn Write,
    ) -> Result<(), Failure> {
        let bridge = info.name.as_str();
        let number = |command| network.of_bridge(bridge, command).map_err(of(bridge));
        let [priority, hello, delay, age] =
            [number(BRDGGPRI)?, number(BRDGGHT)?, number(BRDGGFD)?, number(BRDGGMA)?];
        let (most, timeout) = (number(BRDGGCACHE)?, number(BRDGGTO)?);
        let members = network.bridge_members(bridge).map_err(of(bridge))?;
        if self.json {
            let members: Vec<_> = members
                .iter()
                .map(|one| {
                    json!({"name": one.name, "flags": flags(one.flags), "state": state(one.state),
                        "priority": one.priority, "path_cost": one.path_cost, "number": one.number})
                })
                .collect();
            let addresses = network.bridge_addresses(bridge).map_err(of(bridge))?;
            let addresses: Vec<_> = addresses
                .iter()
                .map(|one| {
                    json!({"address": hardware(&one.address), "member": one.member,
                        "expires_s": one.expires.map(|expires| expires.as_secs())})
                })
                .collect();
            let record = json!({"bridge": bridge, "up": info.is_up, "priority": priority, "hello_time_s": hello,
                "forward_delay_s": delay, "max_age_s": age, "most_addresses": most, "timeout_s": timeout,
                "members": members, "addresses": addresses});
            return Ok(writeln!(out, "{record}")?);
        }
        let words = if info.is_up { "0x41<UP,RUNNING>" } else { "0x0<>" };
        writeln!(out, "{}: flags={words}", escaped(bridge.as_bytes()))?;
        writeln!(out, "\tConfiguration:")?;
        writeln!(out, "\t\tpriority {priority} hellotime {hello} fwddelay {delay} maxage {age}")?;
        writeln!(out, "\tInterfaces:")?;
        for one in &members {
            let BridgeMember { priority, path_cost, number, .. } = one;
            let words = flags(one.flags).join(",");
            writeln!(out, "\t\t{} flags={:x}<{words}>", escaped(one.name.as_bytes()), one.flags)?;
            let mut line = format!("\t\t\tport {number} priority {priority}");
            if one.flags & IFBIF_STP != 0 {
                line += &format!(" path cost {path_cost} {}", state(one.state));
            }
            writeln!(out, "{line}")?;
        }
        writeln!(out, "\tAddress cache (max cache: {most}, timeout: {timeout}):")?;
        self.addresses(network, bridge, out)
    }
}

/// Changes flags of a member, and leaves the others. Errors: those of the bridge.
fn set_flags(network: &RemoteNetwork, bridge: &str, name: &str, flags: u32, is_set: bool) -> KResult<()> {
    let before = network.bridge_members(bridge)?.into_iter().find(|one| one.name == name);
    // Of who is no member, the bridge says so.
    let before = before.unwrap_or_else(|| member(name));
    let flags = if is_set { before.flags | flags } else { before.flags & !flags };
    network.change_member(bridge, BRDGSIFFLGS, &BridgeMember { flags, ..before })
}

fn flags(bits: u32) -> Vec<&'static str> {
    let words = [
        (IFBIF_LEARNING, "LEARNING"),
        (IFBIF_DISCOVER, "DISCOVER"),
        (IFBIF_STP, "STP"),
        (IFBIF_PROTECTED, "PROTECTED"),
    ];
    words.into_iter().filter(|(bit, _)| bits & bit != 0).map(|(_, word)| word).collect()
}

fn state(number: u8) -> &'static str {
    match number {
        BSTP_IFSTATE_LISTENING => "listening",
        BSTP_IFSTATE_LEARNING => "learning",
        BSTP_IFSTATE_FORWARDING => "forwarding",
        BSTP_IFSTATE_BLOCKING => "blocking",
        _ => "disabled",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(words: &str) -> Result<Vec<Step>, String> {
        parse(&words.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn words_are_steps_in_their_order() {
        let name = || "if0".to_owned();
        assert_eq!(
            steps("add if0 stp if0 -learn if0 timeout 9 deladdr 2:0:0:0:0:1 up").unwrap(),
            [
                Step::Member(BRDGADD, name(), 0),
                Step::Flags(name(), IFBIF_STP, true),
                Step::Flags(name(), IFBIF_LEARNING, false),
                Step::Number(BRDGSTO, 9),
                Step::Forget([2, 0, 0, 0, 0, 1]),
                Step::Up(true),
            ]
        );
        for words in ["nonsense", "add", "timeout x", "ifpriority if0 256", "static if0 2:0", "deladdr if0"] {
            let error = steps(words).unwrap_err();
            assert!(!error.is_empty(), "{words}");
        }
    }
}
