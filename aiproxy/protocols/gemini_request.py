"""Gemini requests to our vocabulary; what it has no word for goes into ``extra``.

The model is named by the address, not by the body. Tools that Google runs itself stay in
``extra["gemini"]["tools"]``; settings that our words do not say in its ``generationConfig`` and ``toolConfig``.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from aiproxy.protocols.fields import missing, refuse_destinations
from aiproxy.protocols.gemini_contents import NAME, parse_contents, parse_system
from aiproxy.protocols.gemini_fields import GoogleFields
from aiproxy.protocols.gemini_schema import json_schema
from providers.chat import ChatRequest, Json, ReasoningOptions, ResponseFormat, Tool, ToolChoice
from providers.embedding import EmbeddingRequest
from providers.errors import InvalidRequest

TASKS = {
    "RETRIEVAL_QUERY": "query",
    "RETRIEVAL_DOCUMENT": "document",
    "SEMANTIC_SIMILARITY": "similarity",
    "CLASSIFICATION": "classification",
    "CLUSTERING": "clustering",
    "QUESTION_ANSWERING": "question",
    "FACT_VERIFICATION": "fact",
    "CODE_RETRIEVAL_QUERY": "code",
}
_MODES = {"AUTO": "auto", "NONE": "none", "ANY": "required", "MODE_UNSPECIFIED": None}


def parse_chat(body: Json, model: str, *, stream: bool = False) -> ChatRequest:
    """The body of ``POST /v1beta/models/{model}:generateContent``."""
    refuse_destinations(body)
    fields = GoogleFields(body)
    fields.take("model")
    tools, hosted = _tools(fields)
    config = fields.object("generationConfig")
    calling = fields.object("toolConfig")
    request = ChatRequest(
        model=model,
        messages=(*parse_system(fields), *parse_contents(fields)),
        tools=tools,
        tool_choice=_tool_choice(calling),
        response_format=_response_format(config),
        reasoning=_reasoning(config),
        temperature=config.number("temperature"),
        top_p=config.number("topP"),
        top_k=config.integer("topK"),
        max_tokens=config.integer("maxOutputTokens", 1),
        stop=config.words("stopSequences"),
        seed=config.integer("seed"),
        presence_penalty=config.number("presencePenalty"),
        frequency_penalty=config.number("frequencyPenalty"),
        n=config.integer("candidateCount", 1),
        stream=stream,
    )
    kept = {"tools": hosted, "generationConfig": config.rest(), "toolConfig": calling.rest()}
    extra = fields.rest() | {name: value for name, value in kept.items() if value}
    return replace(request, extra={NAME: extra}) if extra else request


def parse_count(body: Json, model: str) -> ChatRequest:
    """The body of ``:countTokens``: contents, or a whole request."""
    fields = GoogleFields(body)
    whole = fields.take("generateContentRequest")
    return parse_chat(body if whole is None else whole, model)


# --- tools ----------------------------------------------------------------------------------------


def _tools(fields: GoogleFields) -> tuple[tuple[Tool, ...], list[dict[str, Any]]]:
    """The caller's own functions, and what Google runs."""
    own: list[Tool] = []
    hosted: list[dict[str, Any]] = []
    for tool in fields.several("tools"):
        own += map(_tool, tool.several("functionDeclarations"))
        if rest := tool.rest():
            hosted.append(rest)
    return tuple(own), hosted


def _tool(fields: GoogleFields) -> Tool:
    name, description = fields.needed_text("name"), fields.text("description")
    parameters = fields.mapping("parametersJsonSchema")
    if parameters is None and "parameters" in fields:
        parameters = json_schema(fields.take("parameters"), fields.at("parameters"))
    rest = fields.rest()
    return Tool(name, description, parameters, state={NAME: rest} if rest else {})


def _tool_choice(config: GoogleFields) -> ToolChoice | None:
    """What our words can say; the rest stays in ``config``."""
    calling = config.object("functionCallingConfig")
    mode, allowed = calling.text("mode", "AUTO").upper(), calling.words("allowedFunctionNames")
    choice: ToolChoice | None = None
    if mode == "ANY" and len(allowed) == 1:
        choice = ToolChoice("named", allowed[0])
    else:
        word = _MODES.get(mode, "auto")
        if word is not None and "mode" in calling.whole:
            choice = ToolChoice(word)  # type: ignore[arg-type]  # the table's words are its modes
        if allowed or mode not in _MODES:
            calling.put_back("mode", mode)
        if allowed:
            calling.put_back("allowedFunctionNames", list(allowed))
    if rest := calling.rest():
        config.put_back("functionCallingConfig", rest)
    return choice


# --- settings -------------------------------------------------------------------------------------


def _response_format(config: GoogleFields) -> ResponseFormat | None:
    kind = config.text("responseMimeType")
    schema = config.mapping("responseJsonSchema")
    if schema is None and "responseSchema" in config:
        schema = json_schema(config.take("responseSchema"), config.at("responseSchema"))
    if kind == "application/json":
        return ResponseFormat("json") if schema is None else ResponseFormat("json_schema", schema)
    if kind not in (None, "text/plain"):
        config.put_back("responseMimeType", kind)
    if schema is not None:
        config.put_back("responseJsonSchema", schema)
    return ResponseFormat("text") if kind == "text/plain" else None


def _reasoning(config: GoogleFields) -> ReasoningOptions | None:
    """A level or a budget. -1, Google's word for "as the model likes", is what nobody has to say."""
    thinking = config.object("thinkingConfig")
    include = thinking.flag("includeThoughts")
    level, budget = thinking.text("thinkingLevel"), thinking.integer("thinkingBudget", -1)
    if rest := thinking.rest():
        config.put_back("thinkingConfig", rest)
    effort = level.lower() if level else None
    if effort == "thinking_level_unspecified":
        effort = None
    if budget == -1:
        budget = None
    if effort is None and budget is None and include is None:
        return None
    return ReasoningOptions(effort, budget, include)


# --- embeddings -----------------------------------------------------------------------------------


def parse_embedding(body: Json, model: str) -> EmbeddingRequest:
    """The body of ``:embedContent``."""
    refuse_destinations(body)
    return _embedding([GoogleFields(body)], model)


def parse_embeddings(body: Json, model: str) -> EmbeddingRequest:
    """The body of ``:batchEmbedContents``, whose requests must agree in everything but the text."""
    refuse_destinations(body)
    fields = GoogleFields(body)
    requests = list(fields.several("requests"))
    if not requests:
        path = fields.at("requests")
        raise InvalidRequest(f"{path} must hold at least one request.", param=path)
    return _embedding(requests, model)


def _embedding(requests: list[GoogleFields], model: str) -> EmbeddingRequest:
    inputs = tuple(map(_text, requests))
    settings = [_settings(request) for request in requests]
    for request, said in zip(requests, settings, strict=True):
        if said != settings[0]:
            raise InvalidRequest(
                f"{request.path} asks for something else than the first request, and all texts of a call are "
                "embedded alike. Send it in a call of its own.",
                param=request.path,
            )
    dimensions, task, extra = settings[0]
    return EmbeddingRequest(
        model, inputs, dimensions, task=task, extra={NAME: extra} if extra else {}
    )


def _text(fields: GoogleFields) -> str:
    fields.take("model")
    inner = fields.object("content")
    path = inner.at("parts")
    texts = []
    for part in inner.several("parts"):
        if "text" not in part:
            raise InvalidRequest(
                f"{part.path} is no text, and only texts can be embedded here.", param=part.path
            )
        texts.append(part.needed_text("text"))
    if not texts:
        raise missing(path)
    return "".join(texts)


def _settings(fields: GoogleFields) -> tuple[int | None, str | None, dict[str, Any]]:
    dimensions = fields.integer("outputDimensionality", 1)
    task = fields.text("taskType")
    if task == "TASK_TYPE_UNSPECIFIED":
        task = None
    return dimensions, None if task is None else TASKS.get(task, task.lower()), fields.rest()
