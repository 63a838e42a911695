package design

import "recoup/simulate/internal/strict"

// Schema returns the JSON Schema of a design's file, to be encoded.
func Schema() map[string]any {
	s := strict.Schema(Design{}, "recoup design")
	definePhases(s)
	return s
}

// ScenarioSchema returns the JSON Schema of a scenario's file.
func ScenarioSchema() map[string]any {
	s := strict.Schema(Scenario{}, "recoup scenario")
	designs := s["properties"].(map[string]any)["designs"].(map[string]any)
	definePhases(designs["items"].(map[string]any))
	return s
}

// definePhases names the nine components, which the type of hours does not.
func definePhases(s map[string]any) {
	phases := s["properties"].(map[string]any)["phases"].(map[string]any)
	hours := phases["items"].(map[string]any)["properties"].(map[string]any)["hours"].(map[string]any)
	hours["propertyNames"] = map[string]any{"enum": Components}
}
