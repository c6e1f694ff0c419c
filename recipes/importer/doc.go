// Package importer makes recipes of other people's files: profiles of AMD's AIM
// images, and model files of vllm-project/recipes.
package importer
