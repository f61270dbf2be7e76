//! [`Model`]: what a job takes on more cores.
//!
//! What takes `T(1)` on one core and `T(n)` on `n` is taken for a serial part `s` and one that is shared: `T(n) = s + (T(1) - s) / n`. Of
//! two times follow both, and with them the time on more cores, as long as memory and disk keep up.

/// The parts of a job.
#[derive(Debug, Clone, Copy)]
pub(super) struct Model {
    /// The time on one core that is not shared, and all of it.
    pub(super) serial: f64,
    pub(super) one: f64,
}

impl Model {
    /// Of the times on one core and on so many.
    pub(super) fn of(one: f64, all: f64, cores: f64) -> Self {
        Self { serial: ((cores * all - one) / (cores - 1.0)).clamp(0.0, one), one }
    }

    /// The time on so many cores.
    pub(super) fn on(self, cores: f64) -> f64 {
        self.serial + (self.one - self.serial) / cores
    }

    /// The part of the time on one core that is serial.
    pub(super) fn share(self) -> f64 {
        self.serial / self.one
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_of_a_job_follow_from_two_times() {
        let model = Model::of(10.0, 6.0, 2.0);
        assert!((model.serial - 2.0).abs() < 1e-12 && (model.share() - 0.2).abs() < 1e-12);
        assert!((model.on(8.0) - 3.0).abs() < 1e-12);
        // What gets slower on more cores is all serial; what gains more than they are is all shared.
        assert!((Model::of(10.0, 11.0, 2.0).share() - 1.0).abs() < 1e-12);
        assert!(Model::of(10.0, 4.0, 2.0).share() < 1e-12);
    }
}
