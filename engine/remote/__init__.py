"""Language models behind a server that speaks OpenAI's API: vLLM, llama.cpp, Ollama, LM Studio or any other."""
