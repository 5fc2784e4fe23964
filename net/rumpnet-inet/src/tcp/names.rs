//! Choices of the administrator for all connections, by the names that sysctl(7) has for them: NetBSD's, and FreeBSD's where
//! NetBSD has none. Times are milliseconds. New sockets begin with what is chosen; those that are there keep what they have.

use super::congestion::Kind;
use super::ecn::Use;
use super::settings::Settings;
use core::time::Duration;
use rump_kpi::Errno;

/// Largest buffer that may be chosen.
const MOST_BYTES: i64 = 1 << 30;

/// A choice. `None`: there is none of this name.
pub fn find(settings: &Settings, name: &str) -> Option<i64> {
    let mut settings = *settings;
    if let Some(switch) = switch(&mut settings, name) {
        return Some((*switch).into());
    }
    if let Some(time) = time(&mut settings, name) {
        return Some(i64::try_from(time.as_millis()).unwrap_or(i64::MAX));
    }
    if let Some(bytes) = bytes(&mut settings, name) {
        return Some(i64::try_from(*bytes).unwrap_or(i64::MAX));
    }
    Some(match name {
        "ecn.enable" => match settings.ecn {
            Use::Off => 0,
            Use::On => 1,
            Use::Passive => 2,
        },
        "congctl.selected" => match settings.choices.congestion {
            Kind::NewReno => 0,
            Kind::Cubic => 1,
        },
        "init_win" => settings.choices.first_segments.into(),
        "keepcnt" => settings.choices.keep.count.into(),
        "sendbuf_auto" => (!settings.choices.send_is_fixed).into(),
        "recvbuf_auto" => (!settings.choices.receive_is_fixed).into(),
        _ => return None,
    })
}

/// Changes a choice. Errors: ENOENT, EINVAL.
pub fn set(settings: &mut Settings, name: &str, value: i64) -> Result<(), Errno> {
    if let Some(switch) = switch(settings, name) {
        *switch = value != 0;
        return Ok(());
    }
    if let Some(time) = time(settings, name) {
        let millis = u32::try_from(value).map_err(|_| Errno::EINVAL)?;
        *time = Duration::from_millis(millis.into());
        return Ok(());
    }
    if let Some(bytes) = bytes(settings, name) {
        *bytes = Some(value).filter(|value| (1..=MOST_BYTES).contains(value)).ok_or(Errno::EINVAL)? as usize;
        return Ok(());
    }
    match name {
        "ecn.enable" => {
            settings.ecn = match value {
                0 => Use::Off,
                1 => Use::On,
                2 => Use::Passive,
                _ => return Err(Errno::EINVAL),
            };
        }
        "congctl.selected" => {
            settings.choices.congestion = match value {
                0 => Kind::NewReno,
                1 => Kind::Cubic,
                _ => return Err(Errno::EINVAL),
            };
        }
        "init_win" => {
            settings.choices.first_segments = u16::try_from(value).map_err(|_| Errno::EINVAL)?.into();
        }
        "keepcnt" => {
            let count = u32::try_from(value).ok().filter(|count| *count > 0);
            settings.choices.keep.count = count.ok_or(Errno::EINVAL)?;
        }
        "sendbuf_auto" => settings.choices.send_is_fixed = value == 0,
        "recvbuf_auto" => settings.choices.receive_is_fixed = value == 0,
        _ => return Err(Errno::ENOENT),
    }
    Ok(())
}

fn switch<'a>(settings: &'a mut Settings, name: &str) -> Option<&'a mut bool> {
    Some(match name {
        "win_scale" => &mut settings.choices.window_scale,
        "timestamps" => &mut settings.choices.timestamps,
        "sack.enable" => &mut settings.choices.sack,
        "tlp.enable" => &mut settings.choices.probes_tail,
        "syncookies" => &mut settings.cookies,
        "always_keepalive" => &mut settings.choices.keep_alive,
        _ => return None,
    })
}

fn time<'a>(settings: &'a mut Settings, name: &str) -> Option<&'a mut Duration> {
    let choices = &mut settings.choices;
    Some(match name {
        "delacktime" => &mut choices.delayed_ack,
        "keepidle" => &mut choices.keep.idle,
        "keepintvl" => &mut choices.keep.interval,
        "keepinit" => &mut choices.keep.begin,
        "finwait2_timeout" => &mut choices.fin_wait,
        "time_wait_timeout" => &mut choices.time_wait,
        _ => return None,
    })
}

fn bytes<'a>(settings: &'a mut Settings, name: &str) -> Option<&'a mut usize> {
    Some(match name {
        "sendspace" => &mut settings.choices.send_bytes,
        "recvspace" => &mut settings.choices.receive_bytes,
        "sendbuf_max" => &mut settings.limits.send,
        "recvbuf_max" => &mut settings.limits.receive,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_chosen_is_found_and_what_makes_no_sense_is_refused() {
        let mut settings = Settings::default();
        for (name, good, bad) in [
            ("ecn.enable", 1, 3),
            ("congctl.selected", 0, -1),
            ("init_win", 4, 65_536),
            ("keepcnt", 3, 0),
            ("keepidle", 5000, -1),
            ("delacktime", 0, -1),
            ("finwait2_timeout", 100, -1),
            ("time_wait_timeout", 100, -1),
            ("sendspace", 1, 0),
            ("recvbuf_max", 1 << 30, (1 << 30) + 1),
        ] {
            assert_ne!(find(&settings, name), Some(good), "{name}");
            assert_eq!(set(&mut settings, name, good), Ok(()), "{name}");
            assert_eq!(set(&mut settings, name, bad), Err(Errno::EINVAL), "{name}");
            assert_eq!(find(&settings, name), Some(good), "{name}");
        }
        for name in ["win_scale", "timestamps", "sack.enable", "tlp.enable", "syncookies", "sendbuf_auto"] {
            assert_eq!(find(&settings, name), Some(1), "{name}");
            assert_eq!(set(&mut settings, name, 0), Ok(()), "{name}");
            assert_eq!(find(&settings, name), Some(0), "{name}");
        }
        assert_eq!((find(&settings, "mss"), set(&mut settings, "mss", 1)), (None, Err(Errno::ENOENT)));
    }
}
