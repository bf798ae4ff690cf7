// Package grafana is what Grafana 12 asks Prometheus for a dashboard. Grafana itself is not
// there: a dashboard's file is read, its variables are filled from a real Prometheus, and
// each panel's queries are told as they would be asked.
//
//	d, err := grafana.Read("pulltrace-now.json")
//	s, err := d.Open(ctx, prometheus, grafana.Screen{To: time.Now()})
//	queries, err := s.Queries()
//	answer, err := queries[0].Ask(ctx, prometheus)
//
// What is not known here is an error, and never left out in silence: a kind of variable, a
// form of its query, a format, an option of a panel by which other queries would be asked.
// The data source is one as Grafana sets it up by default, with 15 s between scrapes.
//
// The rules are those of Grafana's packages/grafana-prometheus and pkg/promlib, and of
// packages/scenes of grafana/scenes.
package grafana
