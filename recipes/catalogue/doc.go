// Package catalogue holds the files of recipes and models, in the binary and in
// folders of the user, and finds in them what one model needs.
package catalogue
