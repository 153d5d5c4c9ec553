//! The metrics of the database.
use sea_orm::{
    DatabaseConnection,
    sqlx::{Pool, Postgres},
};

use super::{
    metrics::{Exposition, Gauge, Histogram, Unit},
    writer::Writer,
};

/// Upper bounds of the duration of a commit, in nanoseconds: 100 microseconds to 10 seconds.
const COMMIT_BOUNDS: [u64; 11] = [
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    50_000_000,
    250_000_000,
    1_000_000_000,
    10_000_000_000,
];

/// Upper bounds of the number of writes in one transaction.
const GROUP_BOUNDS: [u64; 7] = [1, 2, 4, 8, 16, 32, 64];

/// The metrics that connections and transactions update.
#[derive(Debug)]
pub struct DbMetrics {
    /// Commits, in nanoseconds.
    pub commits: Histogram<12>,
    /// Writes in each transaction of the writer.
    pub groups: Histogram<8>,
    /// Statements and transactions on PostgreSQL that have a connection or wait for one.
    pub operations: Gauge,
}

impl Default for DbMetrics {
    fn default() -> Self {
        DbMetrics {
            commits: Histogram::new(&COMMIT_BOUNDS),
            groups: Histogram::new(&GROUP_BOUNDS),
            operations: Gauge::default(),
        }
    }
}

/// The use of a pool of connections.
pub struct PoolUse {
    pub pool: &'static str,
    pub in_use: usize,
    pub max: usize,
    pub waiting: usize,
}

impl DbMetrics {
    /// Returns the use of the connections to PostgreSQL. The pool does not count the callers that wait: they are the
    /// operations in progress without a connection.
    fn postgres(&self, connection: &DatabaseConnection) -> PoolUse {
        let pool: &Pool<Postgres> = connection.get_postgres_connection_pool();
        let in_use = (pool.size() as usize).saturating_sub(pool.num_idle());
        let operations = usize::try_from(self.operations.get()).unwrap_or_default();
        PoolUse {
            pool: "postgres",
            in_use,
            max: pool.options().get_max_connections() as usize,
            waiting: operations.saturating_sub(in_use),
        }
    }

    fn write(&self, out: &mut Exposition, pools: &[PoolUse]) {
        let samples =
            |value: fn(&PoolUse) -> usize| pools.iter().map(move |pool| ([("pool", pool.pool)], value(pool)));
        let name = "tenon_db_connections_in_use";
        out.gauges(name, "Database connections that run a statement.", samples(|pool| pool.in_use));
        let name = "tenon_db_connections_max";
        out.gauges(name, "Maximum number of database connections.", samples(|pool| pool.max));
        let name = "tenon_db_connections_waiting";
        out.gauges(name, "Callers that wait for a database connection.", samples(|pool| pool.waiting));
        let commits = self.commits.snapshot();
        let name = "tenon_db_commit_duration_seconds";
        out.histograms(name, "Duration of the commits.", Unit::Seconds, [([], commits)]);
    }

    /// Writes the metrics of a SQLite database.
    pub fn write_sqlite(&self, out: &mut Exposition, pools: &[PoolUse], writer: &Writer) {
        self.write(out, pools);
        let help = "Writes that wait for the writer.";
        out.gauge("tenon_db_writer_queue_length", help, writer.queue_length());
        let help = "Writes in one transaction of the writer.";
        let groups = self.groups.snapshot();
        out.histograms("tenon_db_writer_group_size", help, Unit::One, [([], groups)]);
    }

    /// Writes the metrics of a PostgreSQL database.
    pub fn write_postgres(&self, out: &mut Exposition, pool: &DatabaseConnection) {
        self.write(out, &[self.postgres(pool)]);
    }
}
