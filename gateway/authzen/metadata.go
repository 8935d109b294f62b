package authzen

import "net/http"

// metadata says where to ask (AuthZEN 1.0, section 9). It names the configured
// identifier, never the host that a request was sent to.
func (s *Server) metadata(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Cache-Control", "max-age=300")
	s.reply(w, map[string]string{
		"policy_decision_point":       s.cfg.URL,
		"access_evaluation_endpoint":  s.cfg.URL + pathEvaluation,
		"access_evaluations_endpoint": s.cfg.URL + pathEvaluations,
		"search_subject_endpoint":     s.cfg.URL + pathSubjects,
		"search_resource_endpoint":    s.cfg.URL + pathResources,
		"search_action_endpoint":      s.cfg.URL + pathActions,
	}, nil)
}
