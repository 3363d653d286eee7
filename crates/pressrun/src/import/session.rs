//! What is known of an import while it runs.

use std::{collections::HashMap, path::PathBuf};

use serde::{Deserialize, Serialize};
use writer::http::{LineError, Report};

use super::{
    ImportError, Options,
    batch::{Batch, SettledLine},
    failed::{FailedFile, FailedLine},
    resume::{self, Mark, Place, Source},
};
use crate::progress::{Progress, say};

/// Failed lines that are shown where no file takes them.
const SHOWN_MAX: u64 = 10;

/// What became of the lines so far, those of earlier runs included.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Totals {
    pub(super) created: u64,
    pub(super) updated: u64,
    pub(super) unchanged: u64,
    pub(super) failed: u64,
}

/// The totals, and the files that follow them.
#[derive(Debug)]
pub(super) struct Session {
    mark: Mark,
    /// The file and what it is known by, where the mark is to be kept.
    kept: Option<(PathBuf, Source)>,
    failed_file: Option<FailedFile>,
    progress: Progress,
    /// The answer's highest position, as the writer spelt it.
    position: Option<String>,
}

impl Session {
    pub(super) fn start(
        options: &Options,
        mark: Mark,
        source: Option<Source>,
    ) -> Result<Self, ImportError> {
        let failed_file = match &options.failed {
            Some(path) => {
                let imported = options.file.as_deref();
                Some(FailedFile::open(path, mark.failed_bytes, imported)?)
            }
            None => None,
        };
        let bytes = source.as_ref().map(Source::bytes);
        let kept = options.file.clone().zip(source);
        let session = Self {
            progress: Progress::start(bytes, mark.place.bytes, mark.place.lines),
            kept: kept.filter(|_| options.resume),
            failed_file,
            mark,
            position: None,
        };
        if session.mark.place.lines > 0 {
            let lines = session.mark.place.lines;
            session
                .progress
                .say(format_args!("going on after line {lines}"));
        }
        Ok(session)
    }

    /// All lines before it are settled.
    pub(super) fn place(&self) -> Place {
        self.mark.place
    }

    pub(super) fn say_waiting(&self, reason: &str) {
        let line = self.mark.place.lines + 1;
        self.progress
            .say(format_args!("waiting at line {line}: {reason}"));
    }

    /// Takes note of what the writer settled of a batch: first the failed lines are written, then
    /// the mark, which so never passes a line that is neither stored nor written down.
    pub(super) fn settle(&mut self, batch: &mut Batch, report: Report) -> Result<(), ImportError> {
        let mut errors: HashMap<u64, LineError> = report
            .errors
            .into_iter()
            .map(|error| (error.line, error))
            .collect();
        let mut failed = Vec::new();
        let mut left = report.lines_done;
        while let Some(settled) = batch.settle_first(&mut left) {
            self.mark.place = settled.place;
            match settled.line {
                SettledLine::Sent(text) => {
                    if let Some(error) = errors.remove(&(report.lines_done - left)) {
                        let LineError { status, detail, .. } = error;
                        let number = settled.place.lines;
                        failed.push(FailedLine::new(number, status, detail, &text));
                    }
                }
                SettledLine::Refused(line) => failed.push(line),
            }
        }
        let totals = &mut self.mark.totals;
        totals.created += report.created;
        totals.updated += report.updated;
        totals.unchanged += report.unchanged;
        if report.position.is_some() {
            self.position = report.position;
        }
        self.fail(&failed)?;
        self.save()
    }

    /// Takes note that nothing is left of a batch.
    pub(super) fn finish_batch(&mut self, mut batch: Batch) -> Result<(), ImportError> {
        self.settle(&mut batch, Report::default())?;
        self.mark.place = batch.end();
        self.save()?;
        let failed = match self.mark.totals.failed {
            0 => String::new(),
            failed => format!(", {failed} failed"),
        };
        let Place { bytes, lines } = self.mark.place;
        self.progress.update(bytes, lines, &failed);
        Ok(())
    }

    /// Says what became of the input and forgets the mark.
    pub(super) fn finish(self) -> Result<Totals, ImportError> {
        let Totals {
            created,
            updated,
            unchanged,
            failed,
        } = self.mark.totals;
        let took = self.progress.finish(self.mark.place.lines);
        let position = self
            .position
            .map_or_else(String::new, |position| format!("; position {position}"));
        say(format_args!(
            "{created} created, {updated} updated, {unchanged} unchanged, {failed} failed \
             {took}{position}"
        ));
        if let Some((file, _)) = &self.kept {
            resume::remove(file)?;
        }
        Ok(self.mark.totals)
    }

    fn fail(&mut self, lines: &[FailedLine]) -> Result<(), ImportError> {
        if let Some(file) = &mut self.failed_file {
            file.write(lines)?;
            self.mark.failed_bytes = file.bytes();
        }
        for line in lines {
            self.mark.totals.failed += 1;
            if self.failed_file.is_none() && self.mark.totals.failed <= SHOWN_MAX {
                self.progress.say(format_args!("{}", line.summary()));
            }
        }
        Ok(())
    }

    fn save(&self) -> Result<(), ImportError> {
        match &self.kept {
            Some((file, source)) => resume::save(file, source, &self.mark),
            None => Ok(()),
        }
    }
}
