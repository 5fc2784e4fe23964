//! Names of types and codes of ICMP (RFC 792) and ICMPv6 (RFC 4443).

/// A name, the type, and the names and numbers of its codes.
type Kind = (&'static str, u8, &'static [(&'static str, u8)]);

const V4: &[Kind] = &[
    ("echo_reply", 0, &[]),
    (
        "unreachable",
        3,
        &[
            ("net_unreachable", 0),
            ("host_unreachable", 1),
            ("protocol_unreachable", 2),
            ("port_unreachable", 3),
            ("frag_needed", 4),
            ("source_route_failed", 5),
            ("net_unknown", 6),
            ("host_unknown", 7),
            ("source_host_isolated", 8),
            ("net_prohibited", 9),
            ("host_prohibited", 10),
            ("net_unreachable_for_tos", 11),
            ("host_unreachable_for_tos", 12),
            ("packet_filtered", 13),
            ("admin_prohibited", 13),
            ("precedence_violation", 14),
            ("precedence_cutoff", 15),
        ],
    ),
    ("source_quench", 4, &[]),
    ("redirect", 5, &[]),
    ("echo_request", 8, &[]),
    ("time_exceeded", 11, &[("ttl_exceeded_in_transit", 0), ("frag_reass_exceeded", 1)]),
    ("parameter_problem", 12, &[]),
];

const V6: &[Kind] = &[
    (
        "unreachable",
        1,
        &[
            ("no_route", 0),
            ("admin_prohibited", 1),
            ("not_neighbour", 2),
            ("address_unreachable", 3),
            ("port_unreachable", 4),
        ],
    ),
    ("packet_too_big", 2, &[]),
    ("time_exceeded", 3, &[("hop_limit_exceeded", 0), ("frag_reass_exceeded", 1)]),
    ("parameter_problem", 4, &[("header_field", 0), ("unknown_next_header", 1), ("unknown_option", 2)]),
    ("echo_request", 128, &[]),
    ("echo_reply", 129, &[]),
];

fn kinds(is_v4: bool) -> &'static [Kind] {
    if is_v4 { V4 } else { V6 }
}

/// Type and code of names. Errors: there are none of these names.
pub fn numbers(is_v4: bool, kind: &str, code: Option<&str>) -> Result<(u8, u8), String> {
    let found = kinds(is_v4).iter().find(|(name, ..)| *name == kind);
    let (_, number, codes) = found.ok_or_else(|| format!("`{kind}` is no type of ICMP that is known"))?;
    let Some(code) = code else { return Ok((*number, 0)) };
    let found = codes.iter().find(|(name, _)| *name == code).map(|(_, number)| *number);
    let code = found.or_else(|| code.strip_prefix("code_")?.parse().ok());
    let code = code.ok_or_else(|| format!("`{kind}` has no code that is known of this name"))?;
    Ok((*number, code))
}

/// Names of type and code.
pub fn names(is_v4: bool, (kind, code): (u8, u8)) -> (String, Option<String>) {
    let Some((name, _, codes)) = kinds(is_v4).iter().find(|(_, number, _)| *number == kind) else {
        return (format!("type_{kind}"), Some(format!("code_{code}")));
    };
    let known = codes.iter().find(|(_, number)| *number == code).map(|(name, _)| (*name).to_string());
    let code = known.or_else(|| (code != 0).then(|| format!("code_{code}")));
    ((*name).into(), code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_belong_together() {
        for is_v4 in [true, false] {
            for kind in 0..=255 {
                for code in [0, 1, 4, 77] {
                    let (name, code_name) = names(is_v4, (kind, code));
                    if let Ok(back) = numbers(is_v4, &name, code_name.as_deref()) {
                        assert_eq!(back, (kind, code), "{name}");
                    }
                }
            }
        }
        assert_eq!(numbers(true, "unreachable", Some("frag_needed")), Ok((3, 4)));
        assert_eq!(numbers(false, "packet_too_big", None), Ok((2, 0)));
        assert!(numbers(true, "unreachable", Some("x")).is_err() && numbers(true, "x", None).is_err());
    }
}
