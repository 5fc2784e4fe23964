//! What of the builder tests use as well: the documentation in the headers, files, and names of tools.
#![forbid(unsafe_code)]

pub mod file;
pub mod manual;

/// The program that configures the kernel of a server.
pub const CONFIG_PROGRAM: &str = "rump-config";
/// Its other names, by which it is a tool each.
pub const CONFIG_TOOLS: &[&str] = &[
    "rump.arp",
    "rump.brconfig",
    "rump.cat",
    "rump.df",
    "rump.dhcpclient",
    "rump.ifconfig",
    "rump.ls",
    "rump.mkdir",
    "rump.mount",
    "rump.ndp",
    "rump.netstat",
    "rump.npfctl",
    "rump.ping",
    "rump.ping6",
    "rump.route",
    "rump.sockstat",
    "rump.sysctl",
    "rump.traceroute",
    "rump.umount",
];

/// Other names of `rump`, by which it is a tool for one image each.
pub const FSU_TOOLS: &[&str] = &[
    "fsu_cat",
    "fsu_chflags",
    "fsu_chgrp",
    "fsu_chmod",
    "fsu_chown",
    "fsu_cp",
    "fsu_df",
    "fsu_diff",
    "fsu_du",
    "fsu_ecp",
    "fsu_emv",
    "fsu_exec",
    "fsu_find",
    "fsu_get",
    "fsu_ln",
    "fsu_ls",
    "fsu_mkdir",
    "fsu_mkfifo",
    "fsu_mknod",
    "fsu_mv",
    "fsu_put",
    "fsu_rm",
    "fsu_rmdir",
    "fsu_stat",
    "fsu_touch",
    "fsu_write",
];

/// What a command answers: nothing, or what went wrong.
pub type Outcome<T = ()> = Result<T, String>;
