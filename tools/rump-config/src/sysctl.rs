//! `rump.sysctl`, as sysctl(8) of NetBSD.

use crate::session::{Failure, Session};
use crate::tool::Run;
use rump_cli::escape::{escaped, hex};
use rump_client::RemoteProcess;
use rump_client::abi::Errno;
use rump_client::abi::netbsd::Layout;
use rump_client::abi::netbsd::statvfs::name_in;
use rump_client::abi::netbsd::sysctl::*;
use rump_client::kpi::{KError, KResult};
use serde_json::{Value, json};
use std::io::Write;

/// Numbers of a name at most.
const DEPTH_MAX: usize = 12;

/// Bytes of a structure that is shown with others.
const STRUCT_MAX: u64 = 64;

/// Arguments of `rump.sysctl`.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  rump.sysctl -a
  rump.sysctl net.inet.ip
  rump.sysctl -n kern.ostype
  rump.sysctl -w net.inet.ip.forwarding=1
Records of --json: name, value, and before of what was changed; of a structure its bytes in base 16, of a\nlong one only if it is asked for.")]
pub struct Args {
    /// All names
    #[arg(short = 'a', alias = "all")]
    all: bool,
    /// Values without names
    #[arg(short = 'n')]
    no_names: bool,
    /// Names without values
    #[arg(short = 'N', conflicts_with = "no_names")]
    no_values: bool,
    /// With = alone between name and value
    #[arg(short = 'e')]
    equals: bool,
    /// Do not show what is changed
    #[arg(short = 'q')]
    quiet: bool,
    /// Change values (as a value behind a name says)
    #[arg(short = 'w')]
    write: bool,
    /// Print a JSON record per line
    #[arg(long, visible_alias = "jsonl")]
    json: bool,
    /// Names, which may be those of whole trees, or names with new values
    #[arg(value_name = "NAME[=VALUE]")]
    names: Vec<String>,
}

/// A node of the tree, with its whole name.
struct Node {
    name: String,
    numbers: Vec<i32>,
    kind: u32,
    /// It is asked for with more numbers behind it, by tools of its own.
    is_table: bool,
    /// It is no structure that people would read: shown only if it is asked for by its name.
    is_long: bool,
}

impl Run for Args {
    fn run(&self, session: &mut Session, out: &mut dyn Write) -> Result<(), Failure> {
        let wants_all = self.all || (self.names.is_empty() && !self.write);
        if self.names.is_empty() && !wants_all {
            return Err(Failure::Usage("-w: no name, and no value".into()));
        }
        let process = session.connect()?;
        if wants_all {
            self.tree(&process, &root(), session, out)?;
        }
        for word in &self.names {
            let (name, value) =
                word.split_once('=').map_or((&word[..], None), |(name, value)| (name, Some(value)));
            if value.is_none() && self.write {
                return Err(Failure::Usage(format!("-w {name}: no value")));
            }
            let node = match find(&process, name.trim_end_matches('.')) {
                Ok(node) => node,
                Err(error) => {
                    session.report(name.as_bytes(), &error);
                    continue;
                }
            };
            match value {
                None => self.tree(&process, &node, session, out)?,
                Some(value) => match self.change(&process, &node, value) {
                    Ok((before, now)) if !self.quiet => self.show_change(&node, &before, &now, out)?,
                    Ok(_) => {}
                    Err(error) => session.report(name.as_bytes(), &error),
                },
            }
        }
        Ok(())
    }
}

fn root() -> Node {
    Node { name: String::new(), numbers: Vec::new(), kind: CTLTYPE_NODE, is_table: false, is_long: false }
}

/// Those below a node, in the order of their numbers.
fn children(process: &RemoteProcess, node: &Node) -> KResult<Vec<Node>> {
    if node.numbers.len() >= DEPTH_MAX {
        return Err(Errno::ELOOP.into());
    }
    let child = |child: Sysctlnode| {
        let part = escaped(name_in(&child.name));
        let name = if node.name.is_empty() { part } else { format!("{}.{part}", node.name) };
        let numbers = node.numbers.iter().copied().chain([child.number]).collect();
        let kind = child.flags & CTLTYPE_MASK;
        let is_struct = kind == CTLTYPE_STRUCT;
        let is_long = is_struct && child.size > STRUCT_MAX;
        Node { name, numbers, kind, is_table: is_struct && child.size == 0, is_long }
    };
    Ok(process.sysctl_nodes(&node.numbers)?.into_iter().map(child).collect())
}

/// The bits of flags that say of what type a node is.
const CTLTYPE_MASK: u32 = 0xf;

fn find(process: &RemoteProcess, name: &str) -> KResult<Node> {
    let mut at = root();
    for part in name.split('.') {
        let wanted = if at.name.is_empty() { part.to_owned() } else { format!("{}.{part}", at.name) };
        let is_it = |child: &Node| child.name == wanted;
        let below = if at.kind == CTLTYPE_NODE { children(process, &at)? } else { Vec::new() };
        at = below
            .into_iter()
            .find(is_it)
            .ok_or_else(|| KError::new(Errno::ENOENT, "there is no such name"))?;
    }
    Ok(at)
}

/// The value of a node. Errors: those of asking.
fn value(process: &RemoteProcess, node: &Node) -> KResult<Value> {
    if node.is_table {
        return Err(KError::new(Errno::EINVAL, "it is a table, which other tools show"));
    }
    let length = process.sysctl(&node.numbers, None, None).map_err(|failure| failure.error)?;
    let mut bytes = vec![0; length];
    let length = process.sysctl(&node.numbers, Some(&mut bytes), None).map_err(|failure| failure.error)?;
    let bytes = &bytes[..length];
    let senseless = || KError::new(Errno::EIO, "the value makes no sense");
    Ok(match node.kind {
        CTLTYPE_INT => json!(i32::read(bytes).ok_or_else(senseless)?),
        CTLTYPE_QUAD => json!(i64::read(bytes).ok_or_else(senseless)?),
        CTLTYPE_STRING => json!(String::from_utf8_lossy(name_in(bytes))),
        _ => json!(hex(bytes)),
    })
}

/// As it is printed.
fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), |text| escaped(text.as_bytes()))
}

impl Args {
    /// Shows a value, or all below a node.
    fn tree(
        &self,
        process: &RemoteProcess,
        node: &Node,
        session: &mut Session,
        out: &mut dyn Write,
    ) -> Result<(), Failure> {
        if node.kind != CTLTYPE_NODE {
            match value(process, node) {
                Ok(value) => self.show(node, &value, out)?,
                Err(error) => session.report(node.name.as_bytes(), &error),
            }
            return Ok(());
        }
        match children(process, node) {
            Ok(all) => {
                let mut shown = all.iter().filter(|child| !child.is_table && !child.is_long);
                shown.try_for_each(|child| self.tree(process, child, session, out))
            }
            Err(error) => {
                session.report(node.name.as_bytes(), &error);
                Ok(())
            }
        }
    }

    fn between(&self) -> &'static str {
        if self.equals { "=" } else { " = " }
    }

    fn show(&self, node: &Node, value: &Value, out: &mut dyn Write) -> std::io::Result<()> {
        let name = &node.name;
        match self {
            Self { json: true, .. } => writeln!(out, "{}", json!({"name": name, "value": value})),
            Self { no_values: true, .. } => writeln!(out, "{name}"),
            Self { no_names: true, .. } => writeln!(out, "{}", text(value)),
            _ => writeln!(out, "{name}{}{}", self.between(), text(value)),
        }
    }

    fn show_change(
        &self,
        node: &Node,
        before: &Value,
        now: &Value,
        out: &mut dyn Write,
    ) -> std::io::Result<()> {
        let name = &node.name;
        match self {
            Self { json: true, .. } => {
                writeln!(out, "{}", json!({"name": name, "before": before, "value": now}))
            }
            Self { no_names: true, .. } => writeln!(out, "{}", text(now)),
            _ => writeln!(out, "{name}: {} -> {}", text(before), text(now)),
        }
    }

    /// Answers the values before and after.
    fn change(&self, process: &RemoteProcess, node: &Node, new: &str) -> KResult<(Value, Value)> {
        let wrong = || KError::new(Errno::EINVAL, format!("{new:?} is no number that it can be"));
        let bytes = match node.kind {
            CTLTYPE_INT => number(new).and_then(|new| i32::try_from(new).ok()).ok_or_else(wrong)?.to_bytes(),
            CTLTYPE_QUAD => number(new).ok_or_else(wrong)?.to_bytes(),
            CTLTYPE_STRING => new.as_bytes().to_vec(),
            _ => return Err(KError::new(Errno::EINVAL, "it is no value that can be written")),
        };
        let before = value(process, node)?;
        process.sysctl(&node.numbers, None, Some(&bytes)).map_err(|failure| failure.error)?;
        Ok((before, value(process, node)?))
    }
}

/// A number in base 10, or behind 0x in base 16.
fn number(text: &str) -> Option<i64> {
    match text.strip_prefix("0x") {
        Some(digits) => i64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}
