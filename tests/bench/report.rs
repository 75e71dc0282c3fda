use std::time::Duration;

/// Figures in the order in which they were measured.
#[derive(Debug, Default)]
pub(crate) struct Report {
    rows: Vec<[String; 5]>,
}

impl Report {
    /// Adds a time and its peer's; the goal is the greatest ratio that is wanted.
    pub(crate) fn beside_peer(&mut self, what: &str, ours: Duration, peer: Duration, goal_ratio: f64) {
        let ratio = ours.as_secs_f64() / peer.as_secs_f64();
        let verdict = if ratio <= goal_ratio { "met" } else { "missed" };
        self.add([
            what.to_owned(),
            milliseconds(ours),
            milliseconds(peer),
            format!("{ratio:.3} of the peer's"),
            format!("{goal_ratio:.3}: {verdict}"),
        ]);
    }

    /// Adds a figure with its unit that has a greatest value.
    pub(crate) fn with_goal(&mut self, what: &str, value: f64, unit: &str, goal: f64) {
        let verdict = if value <= goal { "met" } else { "missed" };
        let row = [
            what.to_owned(),
            format!("{value:.1} {unit}"),
            String::new(),
            String::new(),
            format!("{goal} {unit}: {verdict}"),
        ];
        self.add(row);
    }

    /// Adds a figure without a goal.
    pub(crate) fn figure(&mut self, what: &str, value: &str) {
        self.add([what.to_owned(), value.to_owned(), String::new(), String::new(), String::new()]);
    }

    /// Says each figure as it comes, as the whole takes many minutes.
    fn add(&mut self, row: [String; 5]) {
        eprintln!("  {}", row.join("  ").trim_end());
        self.rows.push(row);
    }

    /// Prints all of it as a table.
    #[expect(clippy::print_stdout, reason = "the table is what the command is for")]
    pub(crate) fn print(&self) {
        let head = ["what", "hearth", "docker compose", "ratio", "goal"].map(str::to_owned);
        let widths: Vec<usize> = (0..head.len())
            .map(|column| {
                self.rows.iter().chain([&head]).map(|row| row[column].chars().count()).max().unwrap_or(0)
            })
            .collect();
        for row in [&head].into_iter().chain(&self.rows) {
            let cells: Vec<String> =
                row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
            println!("{}", cells.join("  ").trim_end());
        }
    }
}

/// Returns the middle one of some times; the later of two.
pub(crate) fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

pub(crate) fn milliseconds(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1000.0)
}
