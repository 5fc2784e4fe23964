//! `rump info`: what is in an image.

use crate::output::{Output, escaped};
use crate::session::{Failure, Session};
use crate::units;
use clap::{Args as ClapArgs, ValueHint};
use rumpkit::hyper::Access;
use rumpkit::image::{
    Address, Content, Format, Group, Layer, OpenError, STACKED, Selector, Survey, Volume, Wrapping,
};
use serde::Serialize;
use std::ffi::OsString;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;

/// Arguments of `rump info`.
#[derive(ClapArgs)]
#[command(after_help = "Example:\n  rump info disk.img
--json prints one object: image, size, layers, tables (scheme, partitions, warnings), filesystems (selector, start,
type, label, uuid, block_size, size, free, features, notes, or error), warnings. What lies on LUKS, LVM2 or MD has stack
(selector, size, wrappings, group) and groups (kind, name, details, members, missing). Sizes are in bytes. An image that is not
raw has layers: name, format, size, details, below (role, layer).")]
pub struct Args {
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// The image
    #[arg(value_name = "IMAGE", value_hint = ValueHint::AnyPath)]
    image: OsString,
}

#[derive(Serialize)]
struct Report<'a> {
    image: String,
    size: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    layers: Option<LayerReport<'a>>,
    tables: Vec<Table<'a>>,
    filesystems: Vec<FileSystem<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    stack: Vec<Stacked<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    groups: Vec<GroupReport<'a>>,
    warnings: &'a [String],
}

/// A part that is wrapped, or is made of others.
#[derive(Serialize)]
struct Stacked<'a> {
    selector: &'a str,
    size: u64,
    wrappings: Vec<String>,
    group: Option<&'a str>,
}

#[derive(Serialize)]
struct GroupReport<'a> {
    kind: &'a str,
    name: &'a str,
    details: &'a [String],
    members: &'a [String],
    missing: &'a [String],
}

#[derive(Serialize)]
struct LayerReport<'a> {
    name: String,
    format: &'a str,
    size: u64,
    details: &'a [String],
    below: Vec<Below<'a>>,
}

#[derive(Serialize)]
struct Below<'a> {
    role: &'a str,
    layer: LayerReport<'a>,
}

#[derive(Serialize)]
struct Table<'a> {
    scheme: &'a str,
    partitions: Vec<Partition<'a>>,
    warnings: &'a [String],
}

#[derive(Serialize)]
struct Partition<'a> {
    number: u32,
    start: u64,
    size: u64,
    kind: &'a str,
    label: &'a str,
}

#[derive(Default, Serialize)]
struct FileSystem<'a> {
    selector: &'a str,
    start: u64,
    #[serde(rename = "type")]
    kind: &'a str,
    label: &'a str,
    uuid: &'a str,
    block_size: u32,
    size: u64,
    free: u64,
    features: &'a [String],
    notes: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// Runs it.
pub fn run(args: &Args, session: &mut Session, out: &mut Output) -> Result<(), Failure> {
    let path = args.image.as_bytes();
    let address = Address::parse(&**session.host(), path);
    if address.has_path() || *address.selector() != Selector::Only {
        return Err(Failure::Usage(format!("info: {} is more than an image", escaped(path))));
    }
    let name = escaped(path);
    let fail = |error| session.not_opened(name.clone(), error);
    let survey = Survey::open(session.host().clone(), path, Access::Read, session.opening()).map_err(fail)?;
    if survey.tables.is_empty() && survey.volumes.is_empty() && survey.warnings.is_empty() {
        return Err(fail(OpenError::NotRecognised));
    }
    if args.json {
        serde_json::to_writer_pretty(&mut *out, &report(&name, &survey)).map_err(io::Error::from)?;
        return Ok(out.write_all(b"\n")?);
    }
    Ok(write_text(out, &name, &survey)?)
}

fn report<'a>(name: &str, survey: &'a Survey) -> Report<'a> {
    let tables = survey.tables.iter().map(|table| Table {
        scheme: table.scheme,
        warnings: &table.warnings,
        partitions: (table.partitions.iter())
            .map(|part| Partition {
                number: part.number,
                start: part.start_bytes,
                size: part.size_bytes,
                kind: &part.kind,
                label: &part.label,
            })
            .collect(),
    });
    Report {
        image: name.into(),
        size: survey.size_bytes,
        layers: layers(survey).map(layer_report),
        tables: tables.collect(),
        filesystems: survey.volumes.iter().filter_map(file_system).collect(),
        stack: stacked(survey),
        groups: survey.groups.iter().map(group_report).collect(),
        warnings: &survey.warnings,
    }
}

fn stacked<'a>(survey: &'a Survey) -> Vec<Stacked<'a>> {
    let is_stacked = |volume: &&Volume| !volume.wrappings.is_empty() || volume.scheme == Some(STACKED);
    let report = |volume: &'a Volume| {
        let Volume { selector, size_bytes, wrappings, group, .. } = volume;
        let group = group.and_then(|group| survey.groups.get(group)).map(|group| &*group.name);
        let wrappings = wrappings.iter().map(Wrapping::to_string).collect();
        Stacked { selector, size: *size_bytes, wrappings, group }
    };
    survey.volumes.iter().filter(is_stacked).map(report).collect()
}

fn group_report(group: &Group) -> GroupReport<'_> {
    let Group { kind, name, details, members, missing } = group;
    GroupReport { kind, name, details, members, missing }
}

/// What an image is made of that is not raw.
fn layers(survey: &Survey) -> Option<&Layer> {
    survey.layer.as_ref().filter(|layer| layer.format != Format::Raw)
}

fn layer_report(layer: &Layer) -> LayerReport<'_> {
    let below = layer.below.iter().map(|(role, layer)| Below { role, layer: layer_report(layer) });
    LayerReport {
        name: plain(&layer.name),
        format: layer.format.name(),
        size: layer.size_bytes,
        details: &layer.details,
        below: below.collect(),
    }
}

fn file_system(volume: &Volume) -> Option<FileSystem<'_>> {
    let place = FileSystem { selector: &volume.selector, start: volume.start_bytes, ..FileSystem::default() };
    match &volume.content {
        Content::Unknown => None,
        Content::Damaged(error) => Some(FileSystem { error: Some(error.to_string()), ..place }),
        Content::FileSystem(_, info) => Some(FileSystem {
            kind: &info.kind,
            label: &info.label,
            uuid: &info.uuid,
            block_size: info.block_size,
            size: info.size_bytes,
            free: info.free_bytes,
            features: &info.features,
            notes: &info.notes,
            ..place
        }),
    }
}

fn write_text(out: &mut Output, name: &str, survey: &Survey) -> io::Result<()> {
    writeln!(out, "{name}: {} bytes ({})", survey.size_bytes, units::human(survey.size_bytes))?;
    let is_stacked = !stacked(survey).is_empty();
    if let Some(layer) = survey.layer.as_ref().filter(|it| is_stacked || it.format != Format::Raw) {
        writeln!(out, "\nLayers:\n  {}", plain(&layer.to_string()))?;
        write_below(out, layer, 4)?;
        write_above(out, survey)?;
    }
    for table in &survey.tables {
        writeln!(out, "\nPartition table: {}", table.scheme)?;
        writeln!(out, "  {:>4} {:>15} {:>15}  {:<28} Label", "No", "Start", "Size", "Type")?;
        for part in &table.partitions {
            write!(out, "  {:>4} {:>15} {:>15}  ", part.number, part.start_bytes, part.size_bytes)?;
            writeln!(out, "{:<28} {}", plain(&part.kind), plain(&part.label))?;
        }
        write_list(out, "warning", &table.warnings)?;
    }
    for volume in &survey.volumes {
        match &volume.content {
            Content::Unknown => {}
            Content::Damaged(error) => writeln!(out, "\n{name}{}: {error}", plain(&volume.selector))?,
            Content::FileSystem(_, info) => {
                writeln!(out, "\n{name}{}: {}", plain(&volume.selector), info.kind)?;
                for (key, value) in [("label", &info.label), ("uuid", &info.uuid)] {
                    if !value.is_empty() {
                        writeln!(out, "  {key}: {}", plain(value))?;
                    }
                }
                writeln!(out, "  block size: {}", info.block_size)?;
                let (size, free) = (info.size_bytes, info.free_bytes);
                writeln!(
                    out,
                    "  size: {size} ({}), free: {free} ({})",
                    units::human(size),
                    units::human(free)
                )?;
                if !info.features.is_empty() {
                    writeln!(out, "  features: {}", info.features.join(" "))?;
                }
                write_list(out, "note", &info.notes)?;
            }
        }
    }
    write_list(out, "warning", &survey.warnings)
}

/// The files that a layer needs, each with its own.
fn write_below(out: &mut Output, layer: &Layer, indent: usize) -> io::Result<()> {
    for (role, below) in &layer.below {
        let text = format!("{role} {}: {below}", below.name);
        writeln!(out, "{:indent$}{}", "", plain(&text))?;
        write_below(out, below, indent + 2)?;
    }
    Ok(())
}

/// What is on the disk that the layers make: tables, and what is in their parts or without one.
fn write_above(out: &mut Output, survey: &Survey) -> io::Result<()> {
    let of = |scheme: Option<&'static str>| survey.volumes.iter().filter(move |it| it.scheme == scheme);
    of(None).try_for_each(|volume| write_volume(out, survey, volume, 4))?;
    for table in &survey.tables {
        writeln!(out, "    {}", table.scheme)?;
        of(Some(table.scheme)).try_for_each(|volume| write_volume(out, survey, volume, 6))?;
    }
    // Those of which no member is in this image.
    let is_elsewhere =
        |group: &Group| !group.members.iter().any(|it| survey.volumes.iter().any(|own| own.selector == *it));
    let elsewhere = survey.groups.iter().enumerate().filter(|(_, group)| is_elsewhere(group));
    elsewhere.into_iter().try_for_each(|(number, _)| write_group(out, survey, number, 4))
}

/// What a volume is wrapped in, what is in it, and what lies on it.
fn write_volume(out: &mut Output, survey: &Survey, volume: &Volume, mut indent: usize) -> io::Result<()> {
    let content = match &volume.content {
        Content::FileSystem(_, info) => Some(info.kind.clone()),
        Content::Damaged(error) if volume.scheme == Some(STACKED) => Some(error.to_string()),
        Content::Damaged(_) | Content::Unknown => None,
    };
    let words: Vec<String> = volume.wrappings.iter().map(Wrapping::to_string).chain(content).collect();
    let parts = |other: &&Volume| {
        let number = other.selector.strip_prefix(&*volume.selector).and_then(|rest| rest.strip_prefix('p'));
        other.group.is_none() && number.is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit()))
    };
    let parts: Vec<&Volume> =
        survey.volumes.iter().filter(|it| it.scheme == Some(STACKED)).filter(parts).collect();
    let Some((first, others)) = words.split_first() else {
        if volume.scheme == Some(STACKED) {
            writeln!(out, "{:indent$}{}", "", plain(&volume.selector))?;
        }
        return parts.into_iter().try_for_each(|part| write_volume(out, survey, part, indent + 2));
    };
    writeln!(out, "{:indent$}{}: {}", "", plain(&volume.selector), plain(first))?;
    for word in others {
        indent += 2;
        writeln!(out, "{:indent$}{}", "", plain(word))?;
    }
    if let Some(Wrapping::Member { group: Some(number), .. }) = volume.wrappings.last() {
        let own = |it: &&String| survey.volumes.iter().any(|own| own.selector == **it);
        if survey.groups[*number].members.iter().find(own) == Some(&volume.selector) {
            write_group(out, survey, *number, indent + 2)?;
        }
    }
    parts.into_iter().try_for_each(|part| write_volume(out, survey, part, indent + 2))
}

/// A group, under the first of its members.
fn write_group(out: &mut Output, survey: &Survey, number: usize, indent: usize) -> io::Result<()> {
    let group = &survey.groups[number];
    let missing = group.missing.iter().map(|it| format!("missing: {it}"));
    let words: Vec<String> = group.details.iter().cloned().chain(missing).collect();
    let words = if words.is_empty() { String::new() } else { format!(" ({})", words.join(", ")) };
    writeln!(out, "{:indent$}{}", "", plain(&format!("{} {}{words}", group.kind, group.name)))?;
    let volumes = survey.volumes.iter().filter(|volume| volume.group == Some(number));
    volumes.into_iter().try_for_each(|volume| write_volume(out, survey, volume, indent + 2))
}

fn write_list(out: &mut Output, word: &str, lines: &[String]) -> io::Result<()> {
    lines.iter().try_for_each(|line| writeln!(out, "  {word}: {}", plain(line)))
}

/// Labels come from the image: they may not command the terminal.
fn plain(text: &str) -> String {
    escaped(text.as_bytes())
}
