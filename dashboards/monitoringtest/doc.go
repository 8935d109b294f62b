// Package monitoringtest reads the files by which others watch a zone: the Grafana
// dashboards in dashboards/grafana, and the Prometheus rules in dashboards/prometheus.
// It is for tests alone.
//
// It is stricter than the programs that the files are for. Grafana drops a key that it
// does not know, and shows an empty panel for a metric that nobody exposes; here both
// are errors. Its tests hold every file against the metrics that package telemetry
// exposes, against the documents, and, with the build tag prometheus, against promtool.
// The real servers are asked in cmd/portcullis, where there is a zone to be watched.
package monitoringtest
