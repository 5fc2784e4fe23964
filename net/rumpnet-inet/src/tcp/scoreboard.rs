//! What is on its way: which bytes were sent when, which of them arrived behind a gap (RFC 2018), which are lost.
//!
//! Places are counted from the beginning of the connection in 64 bits, so that nothing comes round. A record is a run of
//! bytes that were sent together; a large one that a device cuts can be told to have arrived in part, but not in smaller
//! parts than its segments, so that no acknowledgement makes more records than segments were sent. Neighbours that
//! arrived are joined: each acknowledgement costs the logarithm of their number, and what it says anew.

use crate::time::Instant;
use alloc::collections::{BTreeMap, BTreeSet};

/// Records beyond which short segments share one.
const MOST_RECORDS: usize = 16_384;

/// What is thought of bytes that were sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// They are on their way.
    Sent,
    /// They arrived behind a gap.
    Held,
    /// They will not arrive.
    Lost,
}

#[derive(Clone, Copy, Debug)]
struct Record {
    end: u64,
    sent: Instant,
    /// Which sending that of its first segment was: time alone does not tell what went first. Those behind it follow.
    turn: u64,
    fate: Fate,
    /// They were sent more than once.
    again: bool,
    /// Bytes of the segments that they were sent in.
    segment: u32,
}

impl Record {
    /// Which sending that of the byte at `place` was, if the record begins at `begin`.
    fn turn_at(&self, begin: u64, place: u64) -> u64 {
        self.turn + (place - begin) / u64::from(self.segment)
    }

    /// What is left of it from `place` on.
    fn behind(self, begin: u64, place: u64) -> Self {
        Self { turn: self.turn_at(begin, place), ..self }
    }

    /// How its bytes up to `end` arrived.
    fn arrived(&self, begin: u64, end: u64) -> Arrived {
        let turn = self.turn_at(begin, end - 1);
        Arrived { end, bytes: (end - begin) as u32, sent: self.sent, turn, again: self.again }
    }
}

/// Bytes that arrived, as was told just now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrived {
    /// Where they end.
    pub end: u64,
    /// How many they are.
    pub bytes: u32,
    /// When they were sent last.
    pub sent: Instant,
    /// Which sending that of the last of them was.
    pub turn: u64,
    /// They were sent more than once.
    pub again: bool,
}

/// See the module.
#[derive(Clone, Debug, Default)]
pub struct Scoreboard {
    records: BTreeMap<u64, Record>,
    /// What was sent again and is on its way, in the order of sending.
    again: BTreeSet<(u64, u64)>,
    lost: BTreeSet<u64>,
    /// Before it, everything that was sent but once has been judged.
    judged: u64,
    turns: u64,
    flight: u32,
    held_bytes: u32,
    lost_bytes: u32,
    /// Where what arrived behind gaps ends.
    held_end: u64,
}

impl Scoreboard {
    /// Bytes that were sent and not acknowledged.
    pub fn flight(&self) -> u32 {
        self.flight
    }

    /// Bytes that arrived behind gaps.
    pub fn held_bytes(&self) -> u32 {
        self.held_bytes
    }

    /// Bytes that are lost, and not sent again yet.
    pub fn lost_bytes(&self) -> u32 {
        self.lost_bytes
    }

    /// Bytes that are thought to be on their way (RFC 6675, section 4, `pipe`).
    pub fn pipe(&self) -> u32 {
        self.flight - self.held_bytes - self.lost_bytes
    }

    /// Bytes of what was sent again and is on its way. Linear in the number of such runs.
    pub fn again_bytes(&self) -> u32 {
        let length = |begin: &u64| self.records.get(begin).map_or(0, |record| (record.end - begin) as u32);
        self.again.iter().map(|(_, begin)| length(begin)).sum()
    }

    /// Where what arrived behind gaps ends.
    pub fn held_end(&self) -> u64 {
        self.held_end
    }

    /// When the first that is not acknowledged was sent last.
    pub fn first_sent(&self) -> Option<Instant> {
        self.records.first_key_value().map(|(_, record)| record.sent)
    }

    /// Where the last run begins, and ends.
    pub fn last(&self) -> Option<(u64, u64)> {
        self.records.last_key_value().map(|(begin, record)| (*begin, record.end))
    }

    /// Bytes were sent for the first time, in segments of `segment`.
    pub fn sent(&mut self, now: Instant, begin: u64, end: u64, segment: u32) {
        self.flight += (end - begin) as u32;
        let is_crowded = self.records.len() >= MOST_RECORDS;
        let segment = segment.max(1);
        if let Some(mut last) = self.records.last_entry().filter(|_| is_crowded) {
            let (start, record) = (*last.key(), last.get_mut());
            if record.end == begin && record.fate == Fate::Sent && !record.again {
                (record.end, record.sent) = (end, now);
                self.turns = self.turns.max(record.turn_at(start, end));
                return;
            }
        }
        let turn = self.turns + 1;
        self.turns += (end - begin).div_ceil(segment.into());
        self.records.insert(begin, Record { end, sent: now, turn, fate: Fate::Sent, again: false, segment });
    }

    /// Everything before `upto` is acknowledged. Tells what of it arrived just now.
    pub fn acknowledge(&mut self, upto: u64, mut tell: impl FnMut(Arrived)) {
        while let Some((begin, record)) = self.records.first_key_value().map(|(b, r)| (*b, *r)) {
            if begin >= upto {
                break;
            }
            self.forget(begin, &record);
            let end = record.end.min(upto);
            let bytes = (end - begin) as u32;
            self.flight -= bytes;
            if record.fate != Fate::Held {
                tell(record.arrived(begin, end));
            }
            if record.end > upto {
                self.note(upto, record.behind(begin, upto));
                break;
            }
        }
        if self.records.is_empty() {
            self.records = BTreeMap::new();
        }
    }

    /// Takes a record away; `flight` still has it.
    fn forget(&mut self, begin: u64, record: &Record) {
        let bytes = (record.end - begin) as u32;
        self.records.remove(&begin);
        match record.fate {
            Fate::Held => self.held_bytes -= bytes,
            Fate::Lost => {
                self.lost_bytes -= bytes;
                self.lost.remove(&begin);
            }
            Fate::Sent if record.again => drop(self.again.remove(&(record.turn, begin))),
            Fate::Sent => {}
        }
    }

    /// Puts a record in; `flight` has it already.
    fn note(&mut self, begin: u64, record: Record) {
        let bytes = (record.end - begin) as u32;
        match record.fate {
            Fate::Held => self.held_bytes += bytes,
            Fate::Lost => {
                self.lost_bytes += bytes;
                self.lost.insert(begin);
            }
            Fate::Sent if record.again => drop(self.again.insert((record.turn, begin))),
            Fate::Sent => {}
        }
        self.records.insert(begin, record);
    }

    /// The record that `place` is in, or the first behind it.
    fn at_or_behind(&self, place: u64) -> Option<(u64, Record)> {
        let before = self.records.range(..=place).next_back().filter(|(_, record)| record.end > place);
        before.or_else(|| self.records.range(place..).next()).map(|(begin, record)| (*begin, *record))
    }

    /// What lies between `from` and `upto` has arrived. Tells what of it did just now.
    pub fn hold(&mut self, from: u64, upto: u64, mut tell: impl FnMut(Arrived)) {
        let mut at = from;
        while let Some((begin, record)) = self.at_or_behind(at).filter(|(begin, _)| *begin < upto) {
            at = record.end;
            if record.fate == Fate::Held {
                continue;
            }
            // Segments arrive as a whole.
            let segment = u64::from(record.segment);
            let low = if from <= begin { begin } else { begin + (from - begin).next_multiple_of(segment) };
            let high =
                if upto >= record.end { record.end } else { begin + (upto - begin) / segment * segment };
            if low >= high {
                continue;
            }
            self.forget(begin, &record);
            if begin < low {
                self.note(begin, Record { end: low, ..record });
            }
            if high < record.end {
                self.note(high, record.behind(begin, high));
            }
            let held = record.behind(begin, low);
            self.note_held(low, Record { end: high, fate: Fate::Held, ..held });
            tell(held.arrived(low, high));
        }
    }

    /// Joins what arrived with neighbours that did.
    fn note_held(&mut self, begin: u64, record: Record) {
        self.held_end = self.held_end.max(record.end);
        let (mut begin, mut record) = (begin, record);
        if let Some(next) = self.records.get(&record.end).copied().filter(|next| next.fate == Fate::Held) {
            self.forget(record.end, &next);
            record.end = next.end;
        }
        let before = self.records.range(..begin).next_back().map(|(begin, before)| (*begin, *before));
        if let Some((start, before)) = before.filter(|(_, before)| before.end == begin) {
            if before.fate == Fate::Held {
                self.forget(start, &before);
                begin = start;
            }
        }
        self.note(begin, record);
    }

    /// Whether the first that is not acknowledged had been told to have arrived: whoever told forgot it (RFC 2018, section
    /// 8).
    pub fn is_reneged(&self) -> bool {
        self.records.first_key_value().is_some_and(|(_, record)| record.fate == Fate::Held)
    }

    /// Takes back that anything arrived.
    pub fn forget_held(&mut self) {
        self.mark(|_, record| record.fate == Fate::Held);
        self.held_end = 0;
    }

    /// Takes the first for lost.
    pub fn lose_first(&mut self, segment: u32) {
        let Some((begin, record)) = self.records.first_key_value().map(|(b, r)| (*b, *r)) else { return };
        if record.fate != Fate::Sent {
            return;
        }
        self.forget(begin, &record);
        let end = record.end.min(begin + u64::from(segment.max(1)));
        if end < record.end {
            self.note(end, record.behind(begin, end));
        }
        self.note(begin, Record { end, fate: Fate::Lost, ..record });
    }

    /// Takes all for lost that did not arrive and was sent no later than `until`, and the first in any case (RFC 8985,
    /// section 6.3). Linear in the number of records.
    pub fn lose_until(&mut self, until: Instant) {
        let first = self.records.first_key_value().map(|(begin, _)| *begin);
        self.mark(|begin, record| {
            record.fate == Fate::Sent && (record.sent <= until || Some(begin) == first)
        });
    }

    /// Takes for lost what was sent in longer segments. Linear in the number of records.
    pub fn lose_longer(&mut self, segment: u32) {
        self.mark(|begin, record| {
            let longest = (record.end - begin).min(record.segment.into());
            record.fate == Fate::Sent && longest > segment.into()
        });
    }

    fn mark(&mut self, is_lost: impl Fn(u64, &Record) -> bool) {
        let found: alloc::vec::Vec<(u64, Record)> = self
            .records
            .iter()
            .filter(|(begin, record)| is_lost(**begin, record))
            .map(|(begin, record)| (*begin, *record))
            .collect();
        for (begin, record) in found {
            self.forget(begin, &record);
            self.note(begin, Record { fate: Fate::Lost, ..record });
        }
    }

    /// Whether something is lost, all of it between two places and sent but once.
    pub fn is_lost_only_in(&self, begin: u64, end: u64) -> bool {
        let is_lost = |record: &&Record| record.fate == Fate::Lost && !record.again;
        let inside = self.records.range(begin..end);
        let bytes: u64 = inside
            .filter(|(_, record)| is_lost(record) && record.end <= end)
            .map(|(from, record)| record.end - from)
            .sum();
        bytes > 0 && bytes == u64::from(self.lost_bytes)
    }

    /// Nothing is lost after all.
    pub fn find_lost(&mut self) {
        for begin in core::mem::take(&mut self.lost) {
            if let Some(record) = self.records.get_mut(&begin) {
                record.fate = Fate::Sent;
                if record.again {
                    self.again.insert((record.turn, begin));
                }
            }
        }
        (self.lost_bytes, self.judged) = (0, 0);
    }

    /// Takes for lost whatever `judge` says so of, of that which was sent before a turn; the oldest first, until it says of
    /// one when it is to be asked again (RFC 8985, section 6.2, step 5). Answers that.
    pub fn judge(&mut self, turn: u64, mut judge: impl FnMut(Instant) -> Option<Instant>) -> Option<Instant> {
        let is_before = |record: &Record| record.turn < turn;
        let mut later = None;
        while let Some((begin, record)) = self.at_or_behind(self.judged) {
            if record.fate == Fate::Sent && !record.again {
                if !is_before(&record) {
                    break;
                }
                later = judge(record.sent);
                if later.is_some() {
                    break;
                }
                self.note(begin, Record { fate: Fate::Lost, ..record });
            }
            self.judged = record.end;
        }
        while let Some((_, begin)) = self.again.first().copied() {
            let Some(record) = self.records.get(&begin).copied().filter(is_before) else { break };
            if let Some(again) = judge(record.sent) {
                return Some(later.map_or(again, |later| later.min(again)));
            }
            self.forget(begin, &record);
            self.note(begin, Record { fate: Fate::Lost, ..record });
        }
        later
    }

    /// Takes the first lost bytes, as many as fit into a segment, to be sent again now.
    pub fn take_lost(&mut self, now: Instant, segment: u32) -> Option<(u64, u64)> {
        let begin = *self.lost.first()?;
        let limit = begin + u64::from(segment.max(1));
        let mut end = begin;
        while let Some(record) = self.records.get(&end).copied().filter(|record| record.fate == Fate::Lost) {
            if end > begin && record.end > limit {
                break;
            }
            self.forget(end, &record);
            if record.end > limit {
                self.note(limit, record.behind(end, limit));
                end = limit;
                break;
            }
            end = record.end;
        }
        self.note_again(now, (begin, end), segment);
        Some((begin, end))
    }

    fn note_again(&mut self, now: Instant, (begin, end): (u64, u64), segment: u32) {
        self.turns += 1;
        let record = Record {
            end,
            sent: now,
            turn: self.turns,
            fate: Fate::Sent,
            again: true,
            segment: segment.max(1),
        };
        self.note(begin, record);
    }

    /// The last bytes, no more than a segment, and the FIN behind them, are sent again now, though nothing says that they
    /// are lost.
    pub fn repeat_last(&mut self, now: Instant, segment: u32) -> Option<(u64, u64)> {
        let (begin, record) = self.records.last_key_value().map(|(begin, record)| (*begin, *record))?;
        if record.fate == Fate::Held {
            return None;
        }
        let (mut first, mut from) = ((begin, record), begin.max(record.end.saturating_sub(segment.into())));
        // A FIN alone would be told of by nobody.
        let before = self.records.range(..begin).next_back().map(|(begin, before)| (*begin, *before));
        if let Some((start, before)) =
            before.filter(|(_, before)| record.end - begin == 1 && before.fate == Fate::Sent)
        {
            self.forget(begin, &record);
            first = (start, before);
            from = start.max(begin.saturating_sub(segment.into()));
        }
        let (start, part) = first;
        self.forget(start, &part);
        if start < from {
            self.note(start, Record { end: from, ..part });
        }
        self.note_again(now, (from, record.end), segment);
        Some((from, record.end))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use core::time::Duration;

    fn at(millis: u64) -> Instant {
        Duration::from_millis(millis)
    }

    impl Scoreboard {
        fn check(&self) {
            let sum = |fate: Fate| -> u32 {
                let of = self.records.iter().filter(|(_, record)| record.fate == fate);
                of.map(|(begin, record)| (record.end - begin) as u32).sum()
            };
            assert_eq!((self.held_bytes, self.lost_bytes), (sum(Fate::Held), sum(Fate::Lost)));
            assert_eq!(self.flight, sum(Fate::Held) + sum(Fate::Lost) + sum(Fate::Sent));
            let ends = self.records.iter().zip(self.records.iter().skip(1));
            assert!(ends.clone().all(|((_, one), (two, _))| one.end == *two), "no gaps, no overlaps");
            assert!(
                ends.clone().all(|((_, one), (_, two))| one.fate != Fate::Held || two.fate != Fate::Held)
            );
            let lost: Vec<u64> =
                self.records.iter().filter(|(_, r)| r.fate == Fate::Lost).map(|(b, _)| *b).collect();
            assert_eq!(lost, self.lost.iter().copied().collect::<Vec<_>>());
            let again = self
                .records
                .iter()
                .filter(|(_, r)| r.fate == Fate::Sent && r.again)
                .map(|(b, r)| (r.turn, *b));
            assert_eq!(again.collect::<BTreeSet<_>>(), self.again);
        }
    }

    #[test]
    fn what_is_told_once_is_not_told_again() {
        let mut board = Scoreboard::default();
        for n in 0..10 {
            board.sent(at(n), n * 100, n * 100 + 100, 100);
        }
        let mut told = Vec::new();
        board.hold(250, 720, |arrived| told.push((arrived.end, arrived.bytes)));
        assert_eq!(told, [(400, 100), (500, 100), (600, 100), (700, 100)]);
        board.hold(200, 800, |arrived| told.push((arrived.end, arrived.bytes)));
        assert_eq!(&told[4..], [(300, 100), (800, 100)]);
        assert_eq!(
            (board.pipe(), board.held_bytes(), board.held_end(), board.records.len()),
            (400, 600, 800, 5)
        );
        told.clear();
        board.acknowledge(850, |arrived| told.push((arrived.end, arrived.bytes)));
        assert_eq!(told, [(100, 100), (200, 100), (850, 50)]);
        board.check();
        assert_eq!((board.flight(), board.held_bytes()), (150, 0));
    }

    #[test]
    fn the_older_is_judged_first_and_what_is_lost_is_sent_again_in_order() {
        let mut board = Scoreboard::default();
        for n in 0..10 {
            board.sent(at(n), n * 100, n * 100 + 100, 100);
        }
        board.hold(900, 1000, |_| {});
        let older = |than: u64| move |sent: Instant| (sent >= at(than)).then_some(sent + at(50));
        assert_eq!(board.judge(10, older(4)), Some(at(54)));
        assert_eq!((board.lost_bytes(), board.pipe()), (400, 500));
        assert_eq!(board.take_lost(at(20), 100), Some((0, 100)));
        assert_eq!(board.take_lost(at(21), 250), Some((100, 300)));
        board.check();
        assert_eq!(board.judge(10, older(100)), None);
        assert_eq!(board.lost_bytes(), 600);
        assert_eq!(board.judge(13, older(100)), None);
        assert_eq!((board.lost_bytes(), board.pipe()), (900, 0));
        board.check();
        board.find_lost();
        board.check();
        assert_eq!(board.pipe(), 900);
    }

    #[test]
    fn hostile_acknowledgements_make_no_more_records_than_segments_were_sent() {
        let mut random = rump_random::Random::new(7);
        for seed in 0..30 {
            let mut board = Scoreboard::default();
            let (mut sent, mut first) = (0, 0);
            for step in 0..2000 {
                match random.number() % 8 {
                    0 | 1 => {
                        let length = 1 + random.number() % 5000;
                        board.sent(at(step), sent, sent + length, 100);
                        sent += length;
                    }
                    2 => {
                        first += random.number() % (sent - first + 1).min(3000);
                        board.acknowledge(first, |_| {});
                    }
                    3 => {
                        let limit = at(random.number() % 2000);
                        board.judge(board.turns, |sent| (sent > limit).then_some(limit));
                    }
                    4 => drop(board.take_lost(at(step), 100)),
                    5 if step % 50 == 0 => board.lose_until(at(random.number() % 2000)),
                    6 => drop(board.repeat_last(at(step), 100)),
                    _ => {
                        let from = first + random.number() % (sent - first + 1);
                        board.hold(from, from + random.number() % 2000, |_| {});
                    }
                }
                board.check();
                assert!(board.records.len() as u64 <= (sent - first) / 100 + 2000 + 4, "seed {seed}");
            }
        }
    }

    #[test]
    fn many_bytes_alone_share_records() {
        let mut board = Scoreboard::default();
        for n in 0..100_000 {
            board.sent(at(n), n, n + 1, 1460);
        }
        assert!(board.records.len() <= MOST_RECORDS && board.flight() == 100_000);
        board.check();
    }
}
