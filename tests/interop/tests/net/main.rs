//! TCP/IP against the Linux stack: a kernel of ours at one end of a tap, Linux in a network namespace at the other.
//!
//! The namespace lives as long as a process that this program holds, and is gone with it, however it ends. What passes a
//! tap without offload is captured, and tshark finds nothing malformed in it and no wrong checksum.
#![forbid(unsafe_code)]

mod bridged;
mod captured;
mod commands;
mod datagrams;
mod joined;
mod leases;
mod many;
mod namespace;
mod opening;
mod packet;
mod ping;
mod programs;
mod qemu;
mod refused;
mod routed;
mod site;
mod station;
mod streams;
mod tagged;
mod trace;
mod vlans;

use interop::Check;
use interop::program::lacks;
use interop::suite::Suite;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// No test takes longer.
const PATIENCE: Duration = Duration::from_secs(120);

type Test = (&'static str, fn() -> Check);

const TESTS: &[Test] = &[
    ("a_tap_is_opened_by_whom_it_is_for", opening::by_whom_it_is_for),
    ("an_ordinary_user_opens_the_tap_that_is_his", opening::as_nobody),
    ("what_is_missing_is_named", opening::what_is_missing),
    ("linux_pings_us_with_any_size", ping::of_us),
    ("linux_pings_us_through_a_tunnel", ping::through_a_tunnel),
    ("we_ping_linux_with_any_size", ping::of_linux),
    ("packets_that_must_not_be_cut_are_not", ping::uncut),
    ("streams_are_the_same_at_the_other_end", streams::plain),
    ("streams_are_the_same_with_all_offloads", streams::offloaded),
    ("streams_survive_a_bad_wire", streams::impaired),
    ("half_of_a_connection_is_closed", streams::half_closed),
    ("who_connects_to_nobody_is_refused", refused::streams),
    ("datagrams_to_nobody_are_refused", refused::datagrams),
    ("what_was_not_read_resets", refused::unread),
    ("five_thousand_connections_at_once", many::at_once),
    ("we_are_a_host_of_ipv6_as_a_router_tells", routed::advertised),
    ("narrow_ways_are_learned", routed::narrow),
    ("a_lease_is_renewed_and_given_back", leases::renewed),
    ("an_address_that_linux_has_is_declined", leases::declined),
    ("a_refusal_and_another_server", leases::refused),
    ("a_lease_in_a_file_is_had_again", leases::kept),
    ("name_servers_of_routers_and_leases_are_in_one_file", leases::advertised),
    ("hosts_of_linux_meet_over_our_bridge", bridged::hosts),
    ("in_a_ring_with_linux_as_the_root_we_block_a_port", bridged::ring_of_linux),
    ("in_a_ring_with_us_as_the_root_linux_blocks_a_port", bridged::ring_of_ours),
    ("tags_of_virtual_networks_are_what_tshark_reads", tagged::plain),
    ("tags_go_with_all_offloads", tagged::offloaded),
    ("two_kernels_are_joined_by_a_stream", joined::kernels),
    ("two_kernels_are_joined_by_datagrams", datagrams::kernels),
    ("a_stream_is_connected_again", joined::reconnected),
    ("a_stream_is_as_others_understand_it", joined::foreign),
    ("passt_is_the_way_out_and_in", joined::through_passt),
    ("passt_gives_a_lease_to_our_command", commands::lease_of_passt),
    ("our_command_pings_at_an_interface_of_linux", commands::ping_by_packet),
    ("an_interface_of_linux_is_shared", packet::shared),
    ("tags_of_vlans_stay_in_frames", packet::tagged),
    ("an_interface_goes_and_comes", packet::gone),
    ("sharing_takes_a_privilege_that_is_named", packet::refused),
    ("curl_and_dig_are_answered", programs::answered),
    ("iperf3_goes_through_our_router", programs::routed),
    ("a_trace_that_is_damaged_is_seen", trace::damaged),
    ("what_tcpdump_captures_is_recorded_and_replayed", captured::by_tcpdump),
];

/// Those that boot another Linux.
const OF_MACHINES: &[Test] = &[
    ("virtual_networks_of_linux_are_ours_over_its_bridge", vlans::over_a_bridge),
    ("virtual_networks_of_linux_are_ours_at_its_interface", vlans::over_a_shared_interface),
];

fn main() {
    let lacking = lacks(&[
        "unshare", "nsenter", "ip", "ping", "dnsmasq", "radvd", "tcpdump", "tshark", "python3", "passt",
        "curl", "dig", "iperf3",
    ])
    .or_else(namespace::lacks);
    let mut suite = Suite::default();
    for &(name, test) in TESTS {
        suite.add(name, lacking, move || within(test));
    }
    for &(name, test) in OF_MACHINES {
        suite.add(name, lacking.or_else(interop::uml::lacking), move || within(test));
    }
    let without_qemu = lacking.or_else(|| lacks(&[qemu::PROGRAM]));
    suite.add("qemu_is_at_the_other_side_of_streams", without_qemu, || within(qemu::hub));
    suite.add("qemu_is_at_the_other_side_of_datagrams", without_qemu, || within(qemu::hub_of_datagrams));
    suite.run()
}

/// Runs a test to its end, or says that it did not end: its thread is then left behind.
fn within(test: fn() -> Check) -> Check {
    let (done, result) = mpsc::channel();
    let running = thread::spawn(move || {
        let outcome = test();
        let _ = done.send(());
        outcome
    });
    match result.recv_timeout(PATIENCE) {
        Err(mpsc::RecvTimeoutError::Timeout) => Err(format!("not done within {PATIENCE:?}")),
        // It ended, by a panic perhaps.
        _ => running.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
    }
}
