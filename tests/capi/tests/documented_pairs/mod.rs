//! Pairs of a call and an error number that no program can provoke.

/// A reason, and what it is the reason of: error numbers, each with its calls.
type Reason = (&'static str, &'static [(&'static str, &'static [&'static str])]);

/// Short, and shorter is better.
pub const UNTESTED: &[Reason] = &[
    (
        "a device has to fail at a certain moment, when everything else was read or written",
        &[(
            "EIO",
            &[
                "rump_kernel_destroy",
                "rump_sys_fhopen",
                "rump_sys_fhstat",
                "rump_sys_fhstatvfs1",
                "rump_sys_getvfsstat",
                "rump_sys_reboot",
            ],
        )],
    ),
    (
        "what was written has its space, unless the volume is damaged",
        &[(
            "ENOSPC",
            &[
                "rump_kernel_destroy",
                "rump_sys_fdatasync",
                "rump_sys_fsync",
                "rump_sys_fsync_range",
                "rump_sys_reboot",
                "rump_sys_unmount",
            ],
        )],
    ),
    (
        "what leads to the blocks of a file has to grow when none is free",
        &[("ENOSPC", &["rump_sys_fdiscard"])],
    ),
    ("two threads have to mount at the same moment", &[("EBUSY", &["rump_pub_mount", "rump_sys_mount"])]),
    ("minutes pass", &[("ETIMEDOUT", &["rump_pub_netconfig_dhcp_ipv4_oneshot", "rump_sys_connect"])]),
    ("the host has to have no process left", &[("EAGAIN", &["rump_daemonize_begin"])]),
    (
        "a library that was built without a host of its own",
        &[("ENOSYS", &["rump_init", "rump_kernel_create"])],
    ),
    (
        "only sockets of the host's, by librumpnet_sockin, and not of Linux",
        &[("ECONNABORTED", &["rump_sys_accept", "rump_sys_accept4", "rump_sys_paccept"])],
    ),
    ("a server has to answer what none answers", &[("EIO", &["rumpclient_prefork"])]),
    ("another test may need the last descriptor", &[("ENFILE", &["rump_init_server"])]),
];
