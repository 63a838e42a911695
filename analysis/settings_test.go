package analysis_test

import (
	"context"
	"testing"

	"recoup/analysis"
)

// Settings may come from a struct that several analyses embed: they are listed, set and
// reported as the analysis's own.
func TestEmbeddedSettings(t *testing.T) {
	type Shared struct {
		Gap string `opt:"gap" doc:"what a gap means" choices:"a|b"`
	}
	type options struct {
		Shared
		Day float64 `opt:"day" doc:"a day"`
	}
	var got options
	a := analysis.New(analysis.Analysis{Name: "x/y"}, options{Shared{"a"}, 3}, func(_ context.Context, _ analysis.Input, _ analysis.Question, o options) (analysis.Result, error) {
		got = o
		return analysis.Result{}, nil
	})
	list := a.Options()
	if len(list) != 2 || list[0].Name != "gap" || list[0].Default != "a" || len(list[0].Choices) != 2 || list[1].Name != "day" {
		t.Errorf("options %+v", list)
	}
	r, err := a.Run(context.Background(), analysis.Input{}, analysis.Question{}, map[string]string{"gap": "b"})
	if err != nil || got.Gap != "b" || got.Day != 3 || r.Settings["gap"] != "b" || r.Settings["day"] != "3" {
		t.Errorf("%+v %+v %v", got, r.Settings, err)
	}
	if _, err := a.Run(context.Background(), analysis.Input{}, analysis.Question{}, map[string]string{"gap": "c"}); err == nil {
		t.Error("a choice that is none was taken")
	}
}
