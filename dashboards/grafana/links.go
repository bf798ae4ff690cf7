package main

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"

	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	standard "go.opentelemetry.io/otel/semconv/v1.43.0"

	"github.com/pulltrace/pulltrace/semconv"
)

// service is Pulltrace's, where nobody has given it another name.
const service = "pulltrace"

// dashboards lead from each of the dashboards to the others, with time and choice.
func dashboards() *dashboard.DashboardLinkBuilder {
	return dashboard.NewDashboardLinkBuilder("Pulltrace").
		Type(dashboard.DashboardLinkTypeDashboards).
		Tags([]string{service}).
		KeepTime(true).IncludeVars(true)
}

// link is one of a cell.
func link(title, url string) map[string]any {
	return map[string]any{"title": title, "url": url}
}

// cell stands in an URL for the value that the row has in a column.
func cell(column string) string { return "${__data.fields." + column + "}" }

// layersOf leads to the layers of the row's image, on its node.
func layersOf(uid string) map[string]any {
	return link("Show this pull alone", fmt.Sprintf("/d/%s?${__url_time_range}&${datasource:queryparam}&${cluster:queryparam}&var-node=%s&var-image=%s",
		uid, cell("Node"), cell("Image")))
}

// inTempo leads to the traces of the pulls of the row's image on its node.
func inTempo() map[string]any {
	query := fmt.Sprintf(`{resource.%s="%s" && name="%s" && span.%s="%s" && (resource.%s="%s" || resource.%s="%[7]s")}`,
		standard.ServiceNameKey, service, semconv.SpanPull, standard.ContainerImageNameKey, cell("Image"),
		standard.K8SNodeNameKey, cell("Node"), standard.HostNameKey)
	return link("Traces in Tempo", explore("${tempo}", map[string]any{
		"refId": "A", "datasource": map[string]string{"type": "tempo", "uid": "${tempo}"},
		"queryType": "traceql", "tableType": "traces", "limit": 20, "query": query,
	}))
}

// inJaeger leads to the same in Jaeger.
func inJaeger() map[string]any {
	return link("Traces in Jaeger", explore("${jaeger}", map[string]any{
		"refId": "A", "datasource": map[string]string{"type": "jaeger", "uid": "${jaeger}"},
		"queryType": "search", "service": service, "operation": semconv.SpanPull, "limit": 20,
		"tags": fmt.Sprintf(`%s="%s"`, standard.ContainerImageNameKey, cell("Image")),
	}))
}

// explore returns the URL of Grafana's Explore with a query. What Grafana puts in for
// ${…} stays as it is, all else is escaped.
func explore(source string, query map[string]any) string {
	panes, err := json.Marshal(map[string]any{"traces": map[string]any{
		"datasource": source, "queries": []any{query}, "range": map[string]string{"from": "${__from}", "to": "${__to}"},
	}})
	if err != nil {
		panic(err) // strings
	}
	escaped := url.QueryEscape(string(panes))
	for _, r := range [][2]string{{"%24%7B", "${"}, {"%7D", "}"}} {
		escaped = strings.ReplaceAll(escaped, r[0], r[1])
	}
	return "/explore?schemaVersion=1&panes=" + escaped
}

// runbook leads to the page of the row's alert.
func runbook() map[string]any {
	return link("What to do", "https://github.com/pulltrace/pulltrace/blob/main/docs/runbooks/"+cell("Alert")+".md")
}
