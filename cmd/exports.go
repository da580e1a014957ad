package cmd

import "github.com/spf13/cobra"

// newExportsTopic explains what -o makes, for who reads it with a program.
func newExportsTopic() *cobra.Command {
	return &cobra.Command{
		Use:     "exports",
		GroupID: groupAbout,
		Short:   "What -o KIND=PATH writes, and for whom",
		Long: `-o KIND=PATH writes a run for other programs, at its end, or later from its
directory: run, hit, check and report know all kinds. The path - is standard
output. Broken, invalid and interrupted runs are written, too.

  csv          a row per interval, load, stage, request and outcome
  github       annotations of GitHub Actions
  hlog         a HdrHistogram log for the Java tools
  html         the report as one page
  json         run.json
  junit        a test suite for build servers
  markdown     a page for a job summary
  openmetrics  the final state, for collectors of files
  prometheus   live: an ADDRESS to be scraped at, or the URL of remote write
  otlp         live: the URL of an OpenTelemetry collector (OTLP over HTTP)
  text         the summary
  vegeta       results for vegeta report, plot and encode

csv has a header, and lines that end as RFC 4180 wants. outcome is ok, failed,
error, unfinished, or dropped for arrivals that were never sent. errors is count
unless the outcome is ok. Percentiles of rows must not be averaged: hlog merges.
A name that begins like a formula gets a ' in front.

junit has a case for the measurement, and one per budget or claim. Broken is a
failure; inconclusive, an invalid measurement and an interrupted run are errors.
The suite is red exactly if the verdict is not pass.

markdown is bounded to 256 KiB. The file $GITHUB_STEP_SUMMARY is added to; any
other is replaced. github writes ten lines of a kind at most, with file and line
of the budget.

hlog: a line without a tag is the latency of all answered requests; the tags
REQUEST, REQUEST;service and REQUEST;error are one request's latency, its
service time, and the latency of those without an answer, all in nanoseconds.

vegeta takes its encoding from the name: .json, .csv, else gob. Results are made
from the histograms: counts, codes and times are those measured, the order
within an interval is not known. A million at most; of longer runs a share.

openmetrics, prometheus and otlp have the same metrics. Beyond 100 pairs of load
and request, 20 codes and 20 kinds of errors of each, the rest is "other", and a
note in the run says so.`,
	}
}
