package main

import (
	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

// The dashboards, by the names of their files, which are their identities in Grafana.
const (
	nowUID     = "pulltrace-now"
	historyUID = "pulltrace-history"
	itselfUID  = "pulltrace-itself"
)

// page is a dashboard of Pulltrace: what all of them have.
func page(uid, title, description, from, refresh string) *dashboard.DashboardBuilder {
	return dashboard.NewDashboardBuilder(title).
		Uid(uid).Description(description).
		Tags([]string{service}).
		Editable().
		Timezone(common.TimeZoneBrowser).
		Tooltip(dashboard.DashboardCursorSyncCrosshair).
		Time(from, "now").Refresh(refresh).
		Link(dashboards())
}

// choose gives a dashboard its variables, in the order that they are filled in.
func choose(d *dashboard.DashboardBuilder, variables ...[]cog.Builder[dashboard.VariableModel]) {
	for _, group := range variables {
		for _, v := range group {
			d.WithVariable(v)
		}
	}
}

// row begins a row of panels with a heading.
func row(d *dashboard.DashboardBuilder, title string, panels ...cog.Builder[dashboard.Panel]) {
	if title != "" {
		d.WithRow(dashboard.NewRowBuilder(title))
	}
	for _, p := range panels {
		d.WithPanel(p)
	}
}
