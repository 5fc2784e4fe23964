//! The directories from the top of a walk down to where it is, of which only some are open.
//!
//! Descriptors are few, while levels are as many as the maker of an image likes. The last ones (`near`) stay open,
//! and above them one in `spacing`, which doubles whenever those are more than `far`. A level that was closed is
//! opened again step by step from the nearest open one above it, never through `..`, which an image may point
//! anywhere; the one who opens compares what was opened with what it has to be. The way back up from `n` levels
//! takes about `n * n / (2 * near * far)` such steps.

struct Level<H, I> {
    name: Vec<u8>,
    identity: I,
    handle: Option<H>,
}

/// See the module. `H` is an open directory and closes it when dropped; `I` tells which directory it is.
pub struct Chain<H, I> {
    levels: Vec<Level<H, I>>,
    near: usize,
    far: usize,
    spacing: usize,
}

impl<H, I> Chain<H, I> {
    /// No level yet. Of `limit` descriptors that there may be, at most about half are used.
    pub fn new(limit: usize) -> Self {
        Self { levels: Vec::new(), near: (limit / 8).max(1), far: (limit / 4).max(1), spacing: 1 }
    }

    /// Goes down into the directory `name` of the last level. The first level has no use for its name: it is
    /// never closed.
    pub fn push(&mut self, name: &[u8], identity: I, handle: H) {
        self.levels.push(Level { name: name.to_vec(), identity, handle: Some(handle) });
        self.close_far(self.levels.len());
    }

    /// Goes up until `length` levels are left.
    pub fn truncate(&mut self, length: usize) {
        self.levels.truncate(length);
    }

    /// The last level, opened again if need be: `open` is asked for a name in an open directory, and for what
    /// it has to turn out to be. `None` without any level.
    pub fn last<E>(&mut self, mut open: impl FnMut(&H, &[u8], &I) -> Result<H, E>) -> Option<Result<&H, E>> {
        let length = self.levels.len();
        let nearest = self.levels.iter().rposition(|level| level.handle.is_some())?;
        for index in nearest + 1..length {
            let (above, below) = self.levels.split_at_mut(index);
            let (above, below) = (above.last_mut()?, below.first_mut()?);
            match open(above.handle.as_ref()?, &below.name, &below.identity) {
                Ok(handle) => below.handle = Some(handle),
                Err(error) => return Some(Err(error)),
            }
            let is_kept = index - 1 == nearest || self.is_kept(index - 1, length);
            if !is_kept {
                self.levels[index - 1].handle = None;
            }
        }
        self.levels.last()?.handle.as_ref().map(Ok)
    }

    fn is_kept(&self, index: usize, length: usize) -> bool {
        index + self.near >= length || index % self.spacing == 0
    }

    /// Closes what is no longer near, and every other one of the far ones when there are too many.
    fn close_far(&mut self, length: usize) {
        let Some(last_far) = length.checked_sub(self.near + 1) else { return };
        if last_far / self.spacing < self.far {
            if !self.is_kept(last_far, length) {
                self.levels[last_far].handle = None;
            }
            return;
        }
        self.spacing = self.spacing.saturating_mul(2);
        for index in 0..=last_far {
            if !self.is_kept(index, length) {
                self.levels[index].handle = None;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;
    use std::rc::Rc;

    struct Handle {
        depth: usize,
        open: Rc<Cell<usize>>,
    }

    impl Handle {
        fn new(depth: usize, open: &Rc<Cell<usize>>) -> Self {
            open.set(open.get() + 1);
            Self { depth, open: open.clone() }
        }
    }

    impl Drop for Handle {
        fn drop(&mut self) {
            self.open.set(self.open.get() - 1);
        }
    }

    #[test]
    fn any_depth_needs_few_handles_and_few_steps_back() {
        const DEPTH: usize = 50_000;
        const LIMIT: usize = 256;
        let open = Rc::new(Cell::new(0));
        let (mut chain, mut most, mut steps) = (Chain::new(LIMIT), 0, 0);
        for depth in 0..DEPTH {
            chain.push(depth.to_string().as_bytes(), depth, Handle::new(depth, &open));
            most = most.max(open.get());
        }
        for length in (1..=DEPTH).rev() {
            chain.truncate(length);
            let found = chain.last(|above, name, &depth| {
                assert_eq!((above.depth + 1, name), (depth, depth.to_string().as_bytes()));
                steps += 1;
                Ok::<_, ()>(Handle::new(depth, &open))
            });
            assert_eq!(found.and_then(Result::ok).map(|handle| handle.depth), Some(length - 1));
            most = most.max(open.get());
        }
        assert!(most <= LIMIT / 2 + 2, "{most} open at once");
        assert!(steps <= DEPTH * 40, "{steps} steps");
    }

    #[test]
    fn a_level_that_cannot_be_opened_again_is_an_error_each_time() {
        let open = Rc::new(Cell::new(0));
        let mut chain = Chain::new(256);
        for depth in 0..1000 {
            chain.push(b"d", depth, Handle::new(depth, &open));
        }
        chain.truncate(1000 - 256 / 8 - 2);
        for _ in 0..2 {
            assert!(matches!(chain.last(|_, _, _| Err("gone")), Some(Err("gone"))));
        }
        assert!(Chain::<Handle, usize>::new(256).last(|_, _, _| Err(())).is_none());
    }
}
