//! Time stamps: those of FAT, each with the distance of its local time from UTC in quarters of an hour, if whoever
//! wrote it knew (specification, section 7.4). Creation and modification have ten milliseconds, access two seconds.

use crate::layout::FileEntry;
use rump_dosfs::time::{Stamp, Zone};
use rump_kpi::TimeSpec;
use zerocopy::little_endian::U32;

/// Bit of an offset: it is known.
const KNOWN: u8 = 0x80;
const MINUTES_PER_STEP: i16 = 15;

/// When a file was made. `zone` is that of stamps that do not say.
pub fn created(entry: &FileEntry, zone: Zone) -> Option<TimeSpec> {
    moment(entry.create_timestamp, entry.create_10ms_increment, entry.create_utc_offset, zone)
}

/// When it was changed.
pub fn modified(entry: &FileEntry, zone: Zone) -> Option<TimeSpec> {
    moment(
        entry.last_modified_timestamp,
        entry.last_modified_10ms_increment,
        entry.last_modified_utc_offset,
        zone,
    )
}

/// When it was read.
pub fn accessed(entry: &FileEntry, zone: Zone) -> Option<TimeSpec> {
    moment(entry.last_accessed_timestamp, 0, entry.last_accessed_utc_offset, zone)
}

/// Sets when a file was made.
pub fn set_created(entry: &mut FileEntry, moment: TimeSpec, zone: Zone) {
    (entry.create_timestamp, entry.create_10ms_increment, entry.create_utc_offset) = stored(moment, zone);
}

/// Sets when it was changed.
pub fn set_modified(entry: &mut FileEntry, moment: TimeSpec, zone: Zone) {
    (entry.last_modified_timestamp, entry.last_modified_10ms_increment, entry.last_modified_utc_offset) =
        stored(moment, zone);
}

/// Sets when it was read.
pub fn set_accessed(entry: &mut FileEntry, moment: TimeSpec, zone: Zone) {
    (entry.last_accessed_timestamp, _, entry.last_accessed_utc_offset) = stored(moment, zone);
}

/// `None` if there is no stamp.
fn moment(stamp: U32, hundredths: u8, offset: u8, zone: Zone) -> Option<TimeSpec> {
    let (date, time) = ((stamp.get() >> 16) as u16, stamp.get() as u16);
    let zone = if offset & KNOWN == 0 {
        zone
    } else {
        // Seven bits with a sign.
        let steps = ((offset << 1) as i8) >> 1;
        Zone { minutes: i16::from(steps) * MINUTES_PER_STEP }
    };
    (date != 0).then(|| zone.moment(Stamp { date, time, hundredths }))
}

/// A zone that no offset can say is not used: the stamp is in UTC then.
fn stored(moment: TimeSpec, zone: Zone) -> (U32, u8, u8) {
    let steps = zone.minutes / MINUTES_PER_STEP;
    let can_say = zone.minutes % MINUTES_PER_STEP == 0 && (-64..64).contains(&steps);
    let (zone, steps) = if can_say { (zone, steps) } else { (Zone::default(), 0) };
    let stamp = zone.stamp(moment);
    let both = u32::from(stamp.date) << 16 | u32::from(stamp.time);
    (U32::new(both), stamp.hundredths, KNOWN | (steps as u8 & !KNOWN))
}

#[cfg(test)]
mod tests {
    use super::*;
    use zerocopy::FromZeros;

    #[test]
    fn moments_come_back_whatever_the_zone_of_the_reader() {
        let moment = TimeSpec { sec: 1_709_251_199, nsec: 340_000_000 };
        for minutes in [0, 60, -210, 330, 840, -720, 7] {
            let mut entry = FileEntry::new_zeroed();
            set_created(&mut entry, moment, Zone { minutes });
            set_modified(&mut entry, moment, Zone { minutes });
            set_accessed(&mut entry, moment, Zone { minutes });
            let reader = Zone { minutes: 45 };
            assert_eq!((created(&entry, reader), modified(&entry, reader)), (Some(moment), Some(moment)));
            assert_eq!(accessed(&entry, reader).map(|moment| moment.sec), Some(moment.sec - 1));
        }
    }

    #[test]
    fn a_stamp_without_a_zone_is_of_that_of_the_mount() {
        let mut entry = FileEntry::new_zeroed();
        set_created(&mut entry, TimeSpec { sec: 1_700_000_000, nsec: 0 }, Zone { minutes: 60 });
        entry.create_utc_offset &= !KNOWN;
        assert_eq!(created(&entry, Zone::default()).map(|moment| moment.sec), Some(1_700_003_600));
        assert_eq!(modified(&entry, Zone::default()), None);
    }
}
