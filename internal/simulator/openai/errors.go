package openai

import (
	"encoding/json"
	"fmt"
	"net/http"
)

// apiError is an error in the form of the OpenAI API, with its HTTP status.
type apiError struct {
	Message string `json:"message"`
	Type    string `json:"type"`
	Param   string `json:"param,omitempty"`
	Code    int    `json:"code"` // the HTTP status
}

func (e *apiError) Error() string { return e.Message }

func badRequest(format string, args ...any) *apiError {
	return &apiError{Message: fmt.Sprintf(format, args...), Type: "BadRequestError", Code: http.StatusBadRequest}
}

func noSuchModel(name string) *apiError {
	return &apiError{
		Message: fmt.Sprintf("The model `%s` does not exist.", name),
		Type:    "NotFoundError", Param: "model", Code: http.StatusNotFound,
	}
}

// engineDead is what every request gets once the engine has died.
func engineDead() *apiError {
	return &apiError{
		Message: "EngineCore encountered an issue. See stack trace (above) for the root cause.",
		Type:    "InternalServerError", Code: http.StatusInternalServerError,
	}
}

func writeError(w http.ResponseWriter, e *apiError) {
	writeJSON(w, e.Code, map[string]any{"error": e})
}

// writeJSON sends a value; a client that is gone is not our problem.
func writeJSON(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(value)
}
