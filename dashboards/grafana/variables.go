package main

import (
	"fmt"
	"strings"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"

	"github.com/pulltrace/pulltrace/semconv"
)

// prom is the data source that is chosen.
var prom = common.DataSourceRef{Type: new("prometheus"), Uid: new("${datasource}")}

// all matches everything, also what a series lacks.
const all = ".*"

// source chooses one of Grafana's data sources of a type, at first its default.
func source(name, title, kind string) *dashboard.DatasourceVariableBuilder {
	return dashboard.NewDatasourceVariableBuilder(name).Label(title).Type(kind)
}

// question is a variable whose values Prometheus knows.
func question(name, query, regex string) *dashboard.QueryVariableBuilder {
	v := dashboard.NewQueryVariableBuilder(name).
		Datasource(prom).
		Query(dashboard.StringOrMap{Map: map[string]any{
			"qryType": 5, // as it stands
			"query":   query,
			"refId":   "PrometheusVariableQueryEditor-VariableQuery",
		}}).
		Definition(query).
		Refresh(dashboard.VariableRefreshOnTimeRangeChanged)
	if regex != "" {
		v.Regex(regex)
	}
	return v
}

// choice is a question of which any number of values may be chosen, at first all.
func choice(name, title, query, regex string) *dashboard.QueryVariableBuilder {
	return question(name, query, regex).
		Label(title).
		Sort(dashboard.VariableSortNaturalAsc).
		Multi(true).IncludeAll(true).AllValue(all).
		Current(dashboard.VariableOption{
			Text:  dashboard.StringOrArrayOfString{ArrayOfString: []string{"All"}},
			Value: dashboard.StringOrArrayOfString{ArrayOfString: []string{"$__all"}},
		})
}

// values are the values of a label of what a selector selects.
func values(selector, label string) string {
	return fmt.Sprintf("label_values(%s, %s)", selector, label)
}

// custom is a choice of one of these, at first of the one named.
func custom(name, title, first string, values ...string) *dashboard.CustomVariableBuilder {
	options := make([]dashboard.VariableOption, len(values))
	for i, v := range values {
		options[i] = option(v)
		options[i].Selected = new(v == first)
	}
	return dashboard.NewCustomVariableBuilder(name).Label(title).
		Values(dashboard.StringOrMap{String: new(strings.Join(values, ","))}).
		Options(options).
		Current(option(first)).
		AllowCustomValue(false)
}

func option(value string) dashboard.VariableOption {
	text := dashboard.StringOrArrayOfString{String: &value}
	return dashboard.VariableOption{Text: text, Value: text}
}

// nodes are the variables of all dashboards: where to ask, and of which nodes.
func nodes() []cog.Builder[dashboard.VariableModel] {
	up := name(semconv.SourceUp)
	// The first of the labels that there is.
	labelled := func(label string) string {
		return fmt.Sprintf(`label_replace(group(%s{%s!=""}), "is", %[2]q, "", "")`, up, label)
	}
	return []cog.Builder[dashboard.VariableModel]{
		source("datasource", "Prometheus", "prometheus"),
		question("cluster_label", fmt.Sprintf(`query_result(%s or %s or label_replace(vector(1), "is", %q, "", ""))`,
			labelled(clusterOfOthers), labelled(clusterOfOTel), clusterOfOthers), `/is="([^"]+)"/`).
			Hide(dashboard.VariableHideHideVariable).
			Description("The label that tells clusters apart."),
		choice("cluster", "Cluster", values(up, clusterLabel), ""),
		choice("node", "Node", fmt.Sprintf("query_result(group by (%s, %s) (%s))", k8sNode, host, selector(up, []string{chosenCluster})),
			fmt.Sprintf(`/(?:%s|%s)="([^"]+)"/`, k8sNode, host)),
	}
}

// registries chooses among those that were pulled from.
func registries() cog.Builder[dashboard.VariableModel] {
	return choice("registry", "Registry", values(ofNode(name(semconv.PullActive)), registry), "")
}

// either is a hidden variable that matches all registries, or none if a condition has an
// answer.
func either(name, none string) *dashboard.QueryVariableBuilder {
	answer := func(value string) string {
		return fmt.Sprintf(`label_replace(vector(1), "is", %q, "", "")`, value)
	}
	// A registry is not called "-".
	return question(name, fmt.Sprintf("query_result((%s and on () (%s)) or on () %s)", answer("-"), none, answer(".+")), `/is="([^"]+)"/`).
		Hide(dashboard.VariableHideHideVariable)
}

// direct tells what is asked for what rules record, see recordings: no registry, where
// they are loaded and all nodes are chosen, else all.
func direct(rule string) cog.Builder[dashboard.VariableModel] {
	allNodes := fmt.Sprintf(`label_replace(vector(1), "node", "$node", "", "") and on (node) label_replace(vector(1), "node", %q, "", "")`, all)
	return either("direct", fmt.Sprintf("(%s) and on () group(%s)", allNodes, rule)).
		Description("Whose series are asked for directly: nobody's where rules have recorded them.")
}

// traces are where the traces are. A link to the one that there is not leads nowhere.
func traces() []cog.Builder[dashboard.VariableModel] {
	return []cog.Builder[dashboard.VariableModel]{
		source("tempo", "Tempo", "tempo"),
		source("jaeger", "Jaeger", "jaeger").Hide(dashboard.VariableHideHideVariable),
	}
}
